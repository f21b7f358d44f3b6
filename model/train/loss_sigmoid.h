// sigma in double, of losses only: what is answered comes from model/kernels/sigmoid.h.
#pragma once

// 1 - sigma(s) is loss_sigmoid(-s): nothing cancels.
double loss_sigmoid(double s);

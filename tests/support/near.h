// Comparison of doubles with a message that shows both.
#pragma once

// Fails the running cmocka test unless |got - want| <= allowed. NaN is near NaN alone.
void near_is(double got, double want, double allowed);

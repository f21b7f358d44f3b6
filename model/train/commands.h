// Declares the subcommands of commands.def.
#pragma once

#include "model/train/command.h"

#define COMMAND(name) extern const struct command name;
#include "model/train/commands.def"
#undef COMMAND

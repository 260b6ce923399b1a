// All of weft::probe, for programs and tests; libraries include what they use.
#pragma once

#include <weft/probe/ping.hpp>
#include <weft/probe/pinger.hpp>
#include <weft/probe/sweep.hpp>

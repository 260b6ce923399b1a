// All of weft::mesh, for programs.
#pragma once

#include <weft/mesh/callbacks.hpp>
#include <weft/mesh/client.hpp>
#include <weft/mesh/convert.hpp>
#include <weft/mesh/error.hpp>
#include <weft/mesh/options.hpp>
#include <weft/mesh/router.hpp>
#include <weft/mesh/service.hpp>
#include <weft/mesh/value.hpp>

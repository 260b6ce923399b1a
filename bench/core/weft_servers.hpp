// The echo servers of the rows echo and tls_echo.
#pragma once

namespace bench {

// Prints the port and serves until the process is killed. The files are null for plain TCP.
int serve_echo(const char* certificate, const char* key);

}  // namespace bench

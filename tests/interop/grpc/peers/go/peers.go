//go:build peers

// Package peers holds the versions of the Go programs that scripts/setup_peers.sh builds. grpc-go 1.58
// builds with the Go 1.19 of Debian 12, and with newer ones.
package peers

import (
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)

//go:build linux

// Command lab is a backbone of real routers on this machine: FRR's IS-IS, one router for each network namespace, with a
// gNMI agent before each, so that Detour has before it what nobody here wrote.
//
//	lab up                           the Abilene backbone: 11 routers, 14 links
//	lab up --gml FILE                a network of the Internet Topology Zoo
//	lab up --topology FILE           links, and the routers that they name; deployments/lab/ring.yaml is one
//	lab status                       adjacencies, databases, drains
//	lab fault LINK loss=0.02         let a link lose packets; also: dark, dead, cut, heal
//	lab detect                       publish anomalies of what the routers tell, for Detour
//	lab down                         take it away, also after a crash
//
// It needs root, FRR and iproute2, and installs them only when told to (lab up --install). "lab agent" is the gNMI agent of
// one router, which "lab up" starts.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	return 0
}

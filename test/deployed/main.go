// Command deployed runs what operators are given in deployments, as plain processes of this machine, and its tests attack it.
//
//	go run ./test/deployed        the topology of deployments/compose until Ctrl-C
//	go test ./test/deployed       the same, briefly, and everything that can be held against the files
//
// The composition is read as it stands: which services there are, how they are started, with what in their environment, which
// secrets and files they see. Only where things are is different: containers' hosts are ports of 127.0.0.1, their files lie in
// one scratch folder. The three NATS servers read deployments/nats; an authority made for the occasion says who is who. The
// routers are simulated. Started by root, replicas run as the user of the image, to whom nothing here belongs that could be
// written.
//
// Each identity of the bus does what it may, and everything that the others may; what streams there are and what they hold is
// compared before and after, so that a way round a permission is found as well as a permission that is too wide.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/detour-net/detour/internal/bus/bustest"
)

func main() {
	if bustest.Serve() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "deployments", os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "deployed:", err)
		os.Exit(1)
	}
}

// run keeps the topology up until ctx ends.
func run(ctx context.Context, deployments string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "detour-deployed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := compile(ctx, dir)
	if err != nil {
		return err
	}
	t, err := raise(ctx, dir, deployments, binary)
	defer t.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "NATS at %v\n", t.bus.servers.Addresses())
	for _, r := range t.replicas {
		fmt.Fprintf(out, "%s at %s, log %s\n", r.name, r.url, r.log)
	}
	fmt.Fprintf(out, "try: detour incidents --server %s --ca-file %s --token-file %s\n", t.replicas[0].url, t.path("bus-ca"), t.path("token-operator"))
	<-ctx.Done()
	return nil
}

// compile makes the binary, readable by everybody.
func compile(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "detour")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/detour-net/detour/cmd/detour").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return path, nil
}

// Command chaos hurts Detour as it is deployed, at random and from a seed, and certifies what came of it.
//
//	go run ./test/chaos -kills 10000 -certificate c.json  the long campaign, and on with it after an interruption
//	go run ./test/chaos -kills 10 -seed 42 -json          a short one, as JSON
//	go run ./test/chaos -kills 0 -soak 1h                 nobody is hurt, and memory must stay flat
//	go test ./test/chaos                                  a short one, and the proof that harm done is found
//
// A site is three `detour serve` processes, three NATS servers in processes of their own with every stream on all of them,
// and the simulated backbone in this process. Each replica reaches each server over a wire of its own. A round lets more
// links fall sick than the budget allows to be drained at once. The harness follows the ledger, and learns of every Set when
// it has reached its router and is not committed yet; it waits for a moment at which nobody has been hurt much so far, and
// then does a harm: SIGKILL or SIGSTOP to the replica that has just done something, to others, or to servers of the bus, wires
// cut, stalled, or stalled in one direction, a clock that is minutes off, a freeze. Where disks can be had that have a power
// switch (package disk), the power of everything is cut as well, by which is lost what the servers had not synced, or
// disks take up to two seconds longer for each flush. When all is made good, everything has to come to its end.
//
// A site is then judged from outside alone: by the ledger, which is folded anew, by the routers' own account of every Set, by
// what the bus has acknowledged to publishers, and by what `detour ledger verify` says at each replica (see judge.go for the
// rules; what was late because this process could not run at all is not held against anybody). The certificate tells the kills by
// the newest record and the phase that it left its incident in, the harms, how long it took until another replica went on with what
// the killed one had owned, and every violation. The exit code is 1 if there was any.
//
// Sites are hurt several at a time, and a site counts only once it was judged: then what it has shown is added to the certificate, which is on
// the disk before the next begins. SIGINT and SIGTERM have sites come to their end and be judged; whatever else ends a run loses those
// that were not. Run again, with a seed of its own, it goes on. Of another build nothing is added without saying so.
//
// The seed decides which harm is chosen, which links fall sick, and how long things last. What the processes make of it is
// theirs: the same seed is a similar campaign, not the same one.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/test/disk"
)

func main() {
	if bustest.Serve() {
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, words io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second one ends it at once
	began := time.Now()
	c := campaign{fill: soakFill, log: func(format string, args ...any) {
		fmt.Fprintf(words, "%8.2fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(words)
	flags.IntVar(&c.kills, "kills", 100, "processes to kill, those of earlier runs in the certificate included")
	flags.Func("seed", "of all chance (default the one after the certificate's newest, or the time)", func(text string) error {
		seed, err := strconv.ParseUint(text, 10, 64)
		c.seed = &seed
		return err
	})
	flags.IntVar(&c.sites, "sites", 4, "that are hurt at the same time: they wait more than they work")
	flags.StringVar(&c.file, "certificate", "", "file that the certificate is kept in from site to site, and that adds up what is in it already")
	flags.BoolVar(&c.mixed, "mixed", false, "add to a certificate of another build, and say so in it")
	flags.IntVar(&c.leaders, "leaders", 0, "times the ledger's leader is killed under load to measure for how long nothing is written")
	flags.DurationVar(&c.soak, "soak", 0, "how long a site works that nobody hurts, to measure its memory")
	flags.IntVar(&c.servers, "servers", 3, "of the bus: 1 or 3")
	flags.IntVar(&c.replicas, "replicas", 3, "of the service, up to 16")
	flags.BoolVar(&c.disks, "disks", disk.Missing() == "", "have power cuts and slow disks as well, which takes Linux, root, FUSE and mkfs.ext4; unless they are missing")
	flags.StringVar(&c.binary, "binary", "", "of Detour, instead of building it")
	asJSON := flags.Bool("json", false, "print the certificate as JSON")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if !c.disks {
		c.log("NOT DONE: power cuts and slow disks; missing is %s", cmp.Or(disk.Missing(), "nothing, but they are not wanted"))
	}
	cert, err := c.inScratch(ctx)
	if cert != nil {
		write := cert.write
		if *asJSON {
			write = func(w io.Writer) error { return json.NewEncoder(w).Encode(cert) }
		}
		if err := write(out); err != nil {
			fmt.Fprintln(words, "chaos:", err)
			return 1
		}
	}
	switch {
	case err != nil:
		fmt.Fprintln(words, "chaos:", err)
		return 1
	case len(cert.Violations) > 0:
		return 1
	}
	return 0
}

// inScratch runs a campaign in a folder of its own, which is left only if there is something to be looked at.
func (c campaign) inScratch(ctx context.Context) (cert *certificate, err error) {
	if c.dir, err = os.MkdirTemp("", "detour-chaos-"); err != nil {
		return nil, err
	}
	cert, err = c.run(ctx)
	var early interrupted
	if (err == nil || errors.As(err, &early)) && len(cert.Violations) == 0 {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return cert, err
}

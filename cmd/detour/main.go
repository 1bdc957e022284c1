// Command detour is the whole of Detour in one binary: the service (serve), a demonstration (demo), and the verbs with
// which people look at it and steer it. The verbs speak to a replica over its HTTP API; publish speaks to the bus.
//
// Data goes to standard output, words to standard error. The exit code is 0 when it was done, 1 when it failed, 2 for an
// error of usage or configuration, 3 when it was refused, 4 when what was named does not exist, and 5 when waiting took
// too long.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // maintenance windows name zones, and a bare container has none

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

// run is the program, with its exit code.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(c)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		explain(stderr, err)
	}
	return exitCode(err)
}

// newRoot is the command with every verb.
func newRoot(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:   "detour",
		Short: "Routes backbone traffic around what is sick, and accounts for it",
		Long: "Detour routes backbone traffic around what is sick, proves that it helped, puts it back, and accounts for it.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 usage or configuration error, 3 refused, 4 not found, 5 timed out waiting.",
		SilenceUsage: true, SilenceErrors: true,
	}
	group(root)
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w (see %s --help)", err, cmd.CommandPath())
	})
	c.globalFlags(root)
	root.AddCommand(
		newIncidents(c), newWhy(c), newApprove(c), newReject(c), newAbort(c), newDrains(c), newUndrain(c), newHandover(c),
		newFreeze(c), newThaw(c), newMaintenance(c), newRouters(c), newTopology(c), newLedger(c), newReplay(c),
		newPublish(c), newWhatif(c), newConfig(c), newPolicy(c), newStreams(c), newServe(c), newDemo(c), newVersion(c),
	)
	return root
}

// group makes cmd a mere holder of verbs: without one, or with one that it does not have, it is a usage error. Cobra
// alone would print the help and exit 0.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("%s has no verb %q (see %s --help)", cmd.CommandPath(), args[0], cmd.CommandPath())
		}
		fmt.Fprint(cmd.ErrOrStderr(), cmd.UsageString())
		return usage("%s needs a verb", cmd.CommandPath())
	}
}

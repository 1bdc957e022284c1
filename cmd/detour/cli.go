package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/web/client"
)

// cli is what every verb shares: the streams and the global flags.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	output    string
	server    string
	tokenFile string
	caFile    string
	timeout   time.Duration
	patience  bool // --timeout was given
	style     style
}

// Values of --output.
const (
	asTable = "table"
	asJSON  = "json"
)

// answerWithin is how long an ordinary call may take, proofWithin one that goes to routers.
const (
	answerWithin = 15 * time.Second
	proofWithin  = 3 * time.Minute
)

func (c *cli) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVarP(&c.output, "output", "o", asTable, "how data is written: table or json")
	f.StringVar(&c.server, "server", cmp.Or(os.Getenv("DETOUR_SERVER"), "http://127.0.0.1:8080"), "URL of a replica (DETOUR_SERVER)")
	f.StringVar(&c.tokenFile, "token-file", os.Getenv("DETOUR_TOKEN_FILE"), "file that holds your token (DETOUR_TOKEN_FILE)")
	f.StringVar(&c.caFile, "ca-file", os.Getenv("DETOUR_CA_FILE"), "PEM file of the authorities that sign the server's certificate (DETOUR_CA_FILE)")
	f.DurationVar(&c.timeout, "timeout", 0, "how long to wait (default 15s, for routers 3m, for what follows without end)")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		c.patience = cmd.Flags().Changed("timeout")
		c.style = styleOf(c.stdout)
		switch {
		case c.output != asTable && c.output != asJSON:
			return usage("--output is %q, want table or json", c.output)
		case c.patience && c.timeout <= 0:
			return usage("--timeout is %s, want a positive duration such as 30s", c.timeout)
		}
		return nil
	}
	must(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{asTable, asJSON}, cobra.ShellCompDirectiveNoFileComp)))
}

// must is for what only a slip in this package could make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// connect prepares a client of the server.
func (c *cli) connect() (*client.Client, error) {
	cl, err := client.New(client.Config{Server: c.server, TokenFile: c.tokenFile, CAFile: c.caFile, Via: "cli", UserAgent: "detour/" + app.Version()})
	if err != nil {
		return nil, &codedError{err, exitUsage}
	}
	return cl, nil
}

// call runs f with a client, for at most --timeout, or otherwise within.
func (c *cli) call(ctx context.Context, within time.Duration, f func(context.Context, *client.Client) error) error {
	cl, err := c.connect()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, c.within(within))
	defer cancel()
	return f(ctx, cl)
}

// within is how long may be waited: --timeout, or otherwise usual.
func (c *cli) within(usual time.Duration) time.Duration {
	if c.patience {
		return c.timeout
	}
	return usual
}

// follow runs f with a client until it ends, --timeout if given has passed, which is an error, or a person has had
// enough, which is none.
func (c *cli) follow(ctx context.Context, f func(context.Context, *client.Client) error) error {
	cl, err := c.connect()
	if err != nil {
		return err
	}
	defer cl.Close()
	limited := ctx
	if c.patience {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	if err := f(limited, cl); ctx.Err() == nil {
		return err
	}
	return nil
}

// show writes v as JSON if that was asked for, and as text does otherwise.
func (c *cli) show(v any, text func() error) error {
	if c.output != asJSON {
		return text()
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// note says something that is not data.
func (c *cli) note(format string, args ...any) { _ = write(c.stderr, format+"\n", args...) }

// out writes data for people.
func (c *cli) out(format string, args ...any) error { return write(c.stdout, format+"\n", args...) }

// takes makes a verb take exactly the named arguments.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage("%s takes %d arguments %v, not %d (see %s --help)", cmd.CommandPath(), len(names), names, len(args), cmd.CommandPath())
		}
		return nil
	}
}

// atMostOne makes a verb take one argument or none.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("%s takes at most one argument, not %d (see %s --help)", cmd.CommandPath(), len(args), cmd.CommandPath())
	}
	return nil
}

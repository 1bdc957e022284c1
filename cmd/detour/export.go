package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger/deposit"
	"github.com/detour-net/detour/internal/ledger/deposit/postgres"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

func newLedgerExport(c *cli) *cobra.Command {
	var from, to uint64
	var into string
	cmd := &cobra.Command{
		Use: "export [--from N] [--to N] [--into FILE|URL]", Short: "Write the ledger out, one commit a line, or into a database", Args: takes(),
		Long: "Writes the ledger as it lies on the bus, one commit a line, byte for byte. detour ledger verify --file checks it anywhere.\n\n" +
			"With --into it goes on where an export ends that is there already: a file, whose last line is written anew if it was cut off,\n" +
			"or a PostgreSQL database, postgres://USER@HOST/DATABASE, which gets the table detour_ledger and the views detour_records and\n" +
			"detour_export. Its password is taken from PGPASSWORD, PGPASSFILE or ~/.pgpass. What is added must continue what is there.\n" +
			"Interruptions of the replica and of the database are waited out for about a minute.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case to > 0 && to < from:
				return usage("--to %d lies before --from %d", to, from)
			case into != "" && from > 0:
				return usage("--from and --into exclude each other: it goes on where it ends")
			case into != "":
				return c.long(cmd.Context(), func(ctx context.Context, cl *client.Client) error { return c.exportInto(ctx, cl, into, to) })
			}
			return c.long(cmd.Context(), func(ctx context.Context, cl *client.Client) error {
				lines, err := cl.Export(ctx, from, to)
				if err != nil {
					return err
				}
				defer lines.Close()
				if _, err := io.Copy(c.stdout, lines); err != nil {
					return fmt.Errorf("the export was cut off: %w", err)
				}
				return nil
			})
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "from this position on (default: the first)")
	cmd.Flags().Uint64Var(&to, "to", 0, "up to this position (default: where it ends now)")
	cmd.Flags().StringVar(&into, "into", "", "go on with this file, or this PostgreSQL database")
	return cmd
}

// exportInto goes on with an export that is kept somewhere.
func (c *cli) exportInto(ctx context.Context, cl *client.Client, into string, to uint64) (err error) {
	d, end, err := open(ctx, cl, into)
	if errors.Is(err, errEmpty) {
		c.note("nothing was added: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	n, err := deposit.Copy(ctx, func(ctx context.Context, from uint64) (io.ReadCloser, error) {
		if to > 0 && from > to {
			return io.NopCloser(strings.NewReader("")), nil
		}
		lines, err := cl.Export(ctx, from, to)
		var said *api.Problem
		if err != nil && !errors.As(err, &said) {
			err = &deposit.Passing{Err: err}
		}
		return lines, err
	}, d)
	if last, _, ended := d.End(ctx); ended == nil {
		c.note("%d commits were added, up to position %d", n, last)
	}
	return err
}

// errEmpty says that nothing stands on the ledger, so that nobody knows yet of which domain it is.
var errEmpty = errors.New("the ledger is empty")

// open opens what an export goes into. A database is told whose ledger it is, so an empty one is errEmpty.
func open(ctx context.Context, cl *client.Client, into string) (d deposit.Deposit, end func() error, err error) {
	if !postgres.Ours(into) {
		f, err := deposit.OpenFile(into)
		if err != nil {
			return nil, nil, &codedError{err, exitUsage}
		}
		return f, f.Close, nil
	}
	domain, err := domainOf(ctx, cl)
	if err != nil {
		return nil, nil, err
	}
	db, err := postgres.New(into, domain)
	if err != nil {
		return nil, nil, usage("--into: %w", err)
	}
	return db, func() error { return db.Close(context.WithoutCancel(ctx)) }, nil
}

// domainOf is the domain of a replica's ledger, as its first commit names it; errEmpty without one.
func domainOf(ctx context.Context, cl *client.Client) (string, error) {
	part, err := cl.Ledger(ctx, 1, 1)
	switch {
	case err != nil:
		return "", err
	case part.Last == 0:
		return "", errEmpty
	case len(part.Lines) == 0:
		return "", errors.New("position 1 of the ledger cannot be read: detour ledger verify says what is missing")
	}
	var l api.Line
	if err := json.Unmarshal(part.Lines[0], &l); err != nil {
		return "", fmt.Errorf("read line: %w", err)
	}
	return domainOfSubject(l.Subject), nil
}

// domainOfSubject is the domain that a subject of the ledger names.
func domainOfSubject(subject string) string {
	domain, _, _ := strings.Cut(strings.TrimPrefix(subject, events.PrefixLedger), ".")
	return domain
}

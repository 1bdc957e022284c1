package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
	"github.com/detour-net/detour/internal/web/client"
)

// partSuffix ends the name of every part of an archive, manifestName that of what lists them.
const (
	partSuffix   = ".ledger.ndjson"
	manifestName = "manifest.json"
)

// part is one file of an archive.
type part struct {
	File   string        `json:"file"`
	Domain string        `json:"domain"`
	From   uint64        `json:"from"` // positions, both included
	To     uint64        `json:"to"`
	First  time.Time     `json:"first"` // the clocks of those who wrote the first and the last commit
	Last   time.Time     `json:"last"`
	Digest events.Digest `json:"digest"` // of the last commit
	Root   string        `json:"root"`   // of the tree over every commit up to the last: what a checkpoint of this size states
	SHA256 string        `json:"sha256"` // of the file
}

func newLedgerArchive(c *cli) *cobra.Command {
	var until string
	cmd := &cobra.Command{
		Use: "archive --until DATE FOLDER", Short: "Copy what was written before a date to an archive", Args: takes("FOLDER"),
		Long: "Copies every commit that was written before DATE (2027-01-01, at midnight UTC, or a time) into a file of its own in FOLDER,\n" +
			"behind what is archived there already, and lists it in " + manifestName + " with its digests and the root of the tree up to it. Parts that\n" +
			"are there are checked first. Nothing is taken from the ledger: replicas fold all of it.\n\n" +
			"detour ledger verify --file FOLDER checks an archive, detour ledger restore --file FOLDER puts it onto an empty ledger.",
		RunE: func(cmd *cobra.Command, args []string) error {
			end, err := time.Parse(time.DateOnly, until)
			if err != nil {
				if end, err = time.Parse(time.RFC3339, until); err != nil {
					return usage("--until %q: want a date such as 2027-01-01, or a time such as 2027-01-01T00:00:00Z", until)
				}
			}
			return c.long(cmd.Context(), func(ctx context.Context, cl *client.Client) error { return c.archive(ctx, cl, end, args[0]) })
		},
	}
	cmd.Flags().StringVar(&until, "until", "", "archive what was written before this date")
	return cmd
}

// archive adds one part to the archive in folder.
func (c *cli) archive(ctx context.Context, cl *client.Client, end time.Time, folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return &codedError{fmt.Errorf("archive: %w", err), exitUsage}
	}
	parts, err := readManifest(folder)
	if err != nil {
		return err
	}
	a := &archiver{}
	for _, p := range parts {
		if err := a.again(folder, p); err != nil {
			return fmt.Errorf("archive: %s: %w; compare it with another copy", p.File, err)
		}
	}
	lines, err := cl.Export(ctx, a.last.Position+1, 0)
	if err != nil {
		return err
	}
	defer lines.Close()
	next, err := a.write(folder, lines, end)
	switch {
	case err != nil:
		return err
	case next == nil:
		c.note("nothing was written before %s that is not archived", end.Format(time.RFC3339))
		return nil
	}
	if err := writeManifest(folder, append(parts, *next)); err != nil {
		return err
	}
	return c.show(next, func() error {
		_, err := fmt.Fprintf(c.stdout, "%s: positions %d to %d, %s to %s, root %s\n", next.File, next.From, next.To, next.First.Format(time.RFC3339), next.Last.Format(time.RFC3339), next.Root)
		return err
	})
}

// archiver reads the commits of an archive, and those that come to it, in order.
type archiver struct {
	chain ledger.Chain
	edge  checkpoint.Edge
	last  events.Commit
}

// take checks the next line.
func (a *archiver) take(line []byte) (ledger.Entry, events.Commit, error) {
	e, err := ledger.ParseLine(line)
	if err != nil {
		return e, events.Commit{}, err
	}
	commit, err := a.chain.Next(e)
	return e, commit, err
}

// add counts a commit that is archived.
func (a *archiver) add(e ledger.Entry, c events.Commit) {
	a.edge.Append(checkpoint.Leaf(e.Subject, e.Stated))
	a.last = events.Commit{Position: c.Position, At: c.At, Digest: c.Digest}
}

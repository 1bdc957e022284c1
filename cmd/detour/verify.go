package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
	"github.com/detour-net/detour/internal/ledger/proof"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/client"
)

// verdict is what verifying found.
type verdict struct {
	OK       bool             `json:"ok"`
	Commits  int              `json:"commits"`
	Last     uint64           `json:"last"`
	Digest   events.Digest    `json:"digest"` // of the last commit: write it down to notice later that the end was cut off
	Findings []ledger.Finding `json:"findings"`
	More     int              `json:"more_findings,omitempty"`
	Unlawful []unlawful       `json:"unlawful"` // records that the fold does not take
	Open     int              `json:"open_incidents"`

	Checkpoints []proof.Statement `json:"checkpoints,omitempty"`
	Proven      uint64            `json:"proven,omitempty"` // position up to which a checkpoint proves every record

	Offline     bool             `json:"offline,omitempty"` // the routers were not compared
	Compared    int              `json:"compared"`
	Differences []api.Difference `json:"differences"`
}

// unlawful is a record that froze the Board when it was folded.
type unlawful struct {
	Position uint64 `json:"position"`
	Detail   string `json:"detail"`
}

func newLedgerVerify(c *cli) *cobra.Command {
	var file string
	var w witness
	cmd := &cobra.Command{
		Use: "verify [--file EXPORT] [--checkpoint FILE --key KEY]", Short: "Check the chain, fold it anew, and compare the routers", Args: takes(),
		Long: "Reads the whole ledger from a replica and checks it here: that no record is altered, missing, inserted or out of order,\n" +
			"that every one is lawful when folded anew, and that the replica's Board stands on the same records. Then the replica\n" +
			"reads the routers and compares them with the Board. With --file an export is checked without any server.\n\n" +
			"With checkpoints that have left the cluster, and the key that verifies them, it proves that every record up to the newest\n" +
			"is the one that stood there when it was signed, also if somebody has recomputed every digest. --checkpoint may be given\n" +
			"several times, and each file may hold many, one behind the other. --seen remembers the newest that was proven: if only\n" +
			"older ones are shown another time, that is found.\n\n" +
			"Exits 1 if anything is amiss, and names the position, the problem, and what that rests on: certain (the record contradicts\n" +
			"itself), likely (its neighbours contradict it), or proven (a checkpoint does).",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.open(); err != nil {
				return err
			}
			var v *verdict
			check := func(ctx context.Context, cl *client.Client) (err error) {
				v, err = verifyServer(ctx, cl, &w)
				return err
			}
			var err error
			if file != "" {
				v, err = c.verifyFile(file, &w)
			} else {
				err = c.long(cmd.Context(), check)
			}
			if err != nil {
				return err
			}
			if err := c.show(v, func() error { return c.writeVerdict(v) }); err != nil {
				return err
			}
			if !v.OK {
				return fmt.Errorf("the ledger and what it stands for are not in order: %s", v.first())
			}
			return w.remember(v.Proven)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "check this export, or the archive in this folder, instead of a server's ledger (- for standard input)")
	cmd.Flags().StringArrayVar(&w.files, "checkpoint", nil, "file with checkpoints to hold it against")
	cmd.Flags().StringArrayVar(&w.keys, "key", nil, "verifier key of the checkpoints, or a file that holds it")
	cmd.Flags().StringVar(&w.seen, "seen", "", "file that remembers the newest checkpoint that was proven")
	return cmd
}

func (c *cli) verifyFile(name string, w *witness) (*verdict, error) {
	r := c.stdin
	if name != "-" {
		f, err := openExport(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	v, err := verify(r, api.Status{}, w)
	if err != nil {
		return nil, err
	}
	v.Offline = true
	if archive, ok := r.(*sequence); ok && v.amiss() == "" {
		v.Findings = append(v.Findings, checkArchive(name, archive.parts)...)
		v.OK = v.OK && v.amiss() == ""
	}
	return v, nil
}

func verifyServer(ctx context.Context, cl *client.Client, w *witness) (*verdict, error) {
	status, err := cl.Status(ctx)
	if err != nil {
		return nil, err
	}
	lines, err := cl.Export(ctx, 0, 0)
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	v, err := verify(lines, status, w)
	if err != nil {
		return nil, err
	}
	compared, err := cl.Compare(ctx)
	if err != nil {
		return nil, fmt.Errorf("compare routers: %w", err)
	}
	v.Compared, v.Differences = compared.Compared, compared.Differences
	v.OK = v.OK && len(v.Differences) == 0
	return v, nil
}

// verify audits an export, folds it anew, and holds it against checkpoints, if there are any. Where it reaches the replica's
// position, the digests must agree.
func verify(r io.Reader, replica api.Status, w *witness) (*verdict, error) {
	board := incident.NewBoard()
	v := &verdict{Findings: []ledger.Finding{}, Unlawful: []unlawful{}, Differences: []api.Difference{}}
	frozen := ""
	var tree proof.Tree
	report, err := ledger.ReadLines(r, func(l ledger.Line) error {
		if w.given() {
			if err := tree.Take(l); err != nil {
				return err
			}
		}
		if !l.Whole {
			return nil
		}
		commit := l.Commit
		if err := board.Apply(commit); err != nil {
			return err
		}
		if why := alarm(board); why != frozen {
			if frozen = why; why != "" {
				v.Unlawful = append(v.Unlawful, unlawful{commit.Position, why})
			}
		}
		if commit.Position == replica.Position && commit.Digest != replica.Digest {
			v.Unlawful = append(v.Unlawful, unlawful{commit.Position, fmt.Sprintf("replica %s has folded %s here, the ledger has %s", replica.Replica, replica.Digest, commit.Digest)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	v.Commits, v.Last, v.Digest, v.More, v.Open = report.Entries, report.Last, report.Digest, report.More, len(board.Open())
	v.Findings = append(v.Findings, report.Findings...)
	if v.Last < replica.Position {
		v.Unlawful = append(v.Unlawful, unlawful{v.Last, fmt.Sprintf("the ledger ends here, replica %s has folded it to position %d", replica.Replica, replica.Position)})
	}
	v.OK = report.Intact() && len(v.Unlawful) == 0
	if w.given() {
		v.OK = w.judge(v, &tree, report.Domain) && v.OK
	}
	return v, nil
}

// alarm is the reason of the freeze that an unlawful record brings about, "" when there is none.
func alarm(b *incident.Board) string {
	if f, ok := b.Freezes()[events.Network]; ok && f.By.Name == events.Identity {
		return f.Reason
	}
	return ""
}

// amiss names the first thing that is, "" when nothing speaks against the ledger.
func (v *verdict) amiss() string {
	for _, f := range v.Findings {
		if f.Problem != ledger.Unknown {
			return f.String()
		}
	}
	for _, s := range v.Checkpoints {
		if s.Fault != "" && s.Fault != string(checkpoint.Malformed) {
			return fmt.Sprintf("checkpoint of %d records: %s: %s", s.Size, s.Fault, s.Detail)
		}
	}
	if len(v.Unlawful) > 0 {
		return fmt.Sprintf("position %d: %s", v.Unlawful[0].Position, v.Unlawful[0].Detail)
	}
	if len(v.Differences) > 0 {
		d := v.Differences[0]
		return fmt.Sprintf("incident %s, router %s: %s", d.Incident, d.Device, d.Detail)
	}
	if v.More > 0 {
		return fmt.Sprintf("%d findings", v.More)
	}
	return ""
}

// first says why the verdict is not OK.
func (v *verdict) first() string { return cmp.Or(v.amiss(), "no checkpoint proves any of it") }

func (c *cli) writeVerdict(v *verdict) error {
	var b strings.Builder
	line := func(ok bool, format string, args ...any) {
		mark := c.style.in(green, "ok")
		if !ok {
			mark = c.style.in(red, "NO")
		}
		_ = write(&b, "%s  "+format+"\n", append([]any{mark}, args...)...)
	}
	broken := 0
	for _, f := range v.Findings {
		if f.Problem != ledger.Unknown {
			broken++
		}
		line(f.Problem == ledger.Unknown, "%s", f)
	}
	if v.More > 0 {
		line(false, "and %d findings more", v.More)
	}
	line(broken+v.More == 0, "chain: %d commits up to position %d, %s", v.Commits, v.Last, dash(string(v.Digest)))
	c.writeStatements(v, line)
	for _, u := range v.Unlawful {
		line(false, "position %d: %s", u.Position, u.Detail)
	}
	line(len(v.Unlawful) == 0, "fold: %d incidents open", v.Open)
	for _, d := range v.Differences {
		line(false, "incident %s, step %d, router %s: the ledger says %s, the router shows %s: %s", d.Incident, d.Step+1, d.Device, d.Ledger, dash(string(d.Router)), d.Detail)
	}
	if v.Offline {
		c.note("checked offline: the routers were not compared")
	} else {
		line(len(v.Differences) == 0, "routers: %d changes compared with the Board", v.Compared)
	}
	if _, err := io.WriteString(c.stdout, b.String()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

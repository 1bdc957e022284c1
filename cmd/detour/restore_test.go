package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
	"github.com/detour-net/detour/internal/ledger/proof"
)

// TestMayRestore: with --lossy the end may be missing, and nothing besides may be amiss.
func TestMayRestore(t *testing.T) {
	lost := ledger.Finding{Position: 11, To: 15, Problem: ledger.Missing, Sure: ledger.Proven, Detail: "the end was cut off"}
	statement := func(fault checkpoint.Fault) []proof.Statement {
		return []proof.Statement{{Size: 8, Proven: true}, {Size: 9, Fault: string(fault), Detail: "as it says"}, {Size: 15}}
	}
	for _, c := range []struct {
		name  string
		v     verdict
		lossy string // what is said with --lossy, "" if it is restored
		plain string // without
		code  int    // without
	}{
		{"in order", verdict{OK: true, Last: 10}, "", "", 0},
		{"in order, of an unknown kind", verdict{OK: true, Last: 10, Findings: []ledger.Finding{{Position: 3, Problem: ledger.Unknown}}}, "", "", 0},
		{"its end is missing", verdict{Last: 10, Findings: []ledger.Finding{lost}, Checkpoints: statement(checkpoint.Malformed)}, "", "of 15 commits that a checkpoint covers, the last 5", exitRefused},
		{"a record is missing as well", verdict{Last: 10, Findings: []ledger.Finding{{Position: 4, Problem: ledger.Missing, Sure: ledger.Proven}, lost}}, "position 4", "position 4", exitFailed},
		{"a record is altered as well", verdict{Last: 10, Findings: []ledger.Finding{lost, {Position: 4, Problem: ledger.Altered}}}, "position 4: altered", "position 4: altered", exitFailed},
		{"a checkpoint is forged as well", verdict{Last: 10, Findings: []ledger.Finding{lost}, Checkpoints: statement(checkpoint.Forged)}, "checkpoint of 9 records: forged", "checkpoint of 9 records: forged", exitFailed},
		{"a record is unlawful as well", verdict{Last: 10, Findings: []ledger.Finding{lost}, Unlawful: []unlawful{{7, "it thaws what is not frozen"}}}, "position 7: it thaws", "position 7: it thaws", exitFailed},
		{"there is more than is shown", verdict{Last: 10, Findings: []ledger.Finding{lost}, More: 2}, "2 findings", "2 findings", exitFailed},
		{"no checkpoint proves any of it", verdict{Last: 10, Checkpoints: statement(checkpoint.Malformed)}, "no checkpoint", "no checkpoint", exitFailed},
	} {
		cl := &cli{stderr: io.Discard}
		for lossy, want := range map[bool]string{true: c.lossy, false: c.plain} {
			err := cl.mayRestore(&c.v, lossy)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, lossy %t: %v, want %q", c.name, lossy, err, want)
			}
			var coded *codedError
			if refused := errors.As(err, &coded) && coded.code == exitRefused; refused != (!lossy && c.code == exitRefused) {
				t.Errorf("%s, lossy %t: refused %t: %v", c.name, lossy, refused, err)
			}
		}
	}
}

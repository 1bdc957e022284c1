package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// attest EXPORT KEY SIZE OUT [NEXTKEY FROM] signs the first SIZE commits of an export, and appends the note to OUT.
func attest(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	var edge checkpoint.Edge
	var last events.Commit
	report, err := ledger.ReadLines(strings.NewReader(ts.ReadFile(args[0])), func(l ledger.Line) error {
		if edge.Size() < size {
			edge.Append(checkpoint.Leaf(l.Entry.Subject, l.Entry.Stated))
			last = l.Commit
		}
		return nil
	})
	ts.Check(err)
	next, from := "", uint64(0)
	if len(args) > 4 {
		next = strings.TrimSpace(ts.ReadFile(args[4]))
		from, err = strconv.ParseUint(args[5], 10, 64)
		ts.Check(err)
	}
	signer, err := checkpoint.NewSigner(report.Domain, strings.TrimSpace(ts.ReadFile(args[1])), next, from)
	ts.Check(err)
	note, err := signer.Sign(checkpoint.At(report.Domain, &edge, last))
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[3]), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	ts.Check(err)
	_, err = f.Write(append(note, '\n'))
	ts.Check(err)
	ts.Check(f.Close())
}

// rewrite EXPORT POSITION OLD NEW OUT changes text in one commit of an export, and makes every digest from there on fit.
func rewrite(ts *testscript.TestScript, _ bool, args []string) {
	position, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	var out []byte
	var was, is events.Digest // of the commit before
	_, err = ledger.ReadLines(strings.NewReader(ts.ReadFile(args[0])), func(l ledger.Line) error {
		e := l.Entry
		if e.Position == position {
			e.Raw = bytes.Replace(e.Raw, []byte(args[2]), []byte(args[3]), 1)
		}
		if was != is {
			e.Raw = bytes.Replace(e.Raw, []byte(was), []byte(is), 1)
		}
		was, e.Stated = e.Stated, events.DigestBytes(e.Raw)
		is = e.Stated
		var err error
		out, err = ledger.AppendLine(out, e)
		return err
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[4]), out, 0o600))
}

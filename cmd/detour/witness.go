package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/detour-net/detour/internal/ledger/checkpoint"
	"github.com/detour-net/detour/internal/ledger/durable"
	"github.com/detour-net/detour/internal/ledger/proof"
)

// witness is what was signed of a ledger and kept elsewhere.
type witness struct {
	files []string // with checkpoints
	keys  []string // that verify them, or files with those
	seen  string   // file of the newest that was proven, "" for none

	trusted *checkpoint.Keys
	notes   [][]byte
	opened  []checkpoint.Opened
	before  uint64 // size of the newest that was proven before
}

// given reports whether there is anything to hold a ledger against.
func (w *witness) given() bool { return w.trusted != nil }

// open reads the files.
func (w *witness) open() error {
	if len(w.files) == 0 && len(w.keys) == 0 && w.seen == "" {
		return nil
	}
	if len(w.files) == 0 || len(w.keys) == 0 {
		return usage("--checkpoint and --key belong together")
	}
	for i, key := range w.keys {
		if strings.Contains(key, "+") {
			continue
		}
		raw, err := os.ReadFile(key)
		if err != nil {
			return usage("--key: %w", err)
		}
		w.keys[i] = string(raw)
	}
	var err error
	if w.trusted, err = checkpoint.NewKeys(w.keys...); err != nil {
		return usage("--key: %w", err)
	}
	for _, name := range w.files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return usage("--checkpoint: %w", err)
		}
		notes := checkpoint.Split(raw)
		if len(notes) == 0 {
			return usage("--checkpoint: %s holds none", name)
		}
		w.notes = append(w.notes, notes...)
	}
	return w.openSeen()
}

// openSeen adds what was proven before to the notes.
func (w *witness) openSeen() error {
	shown := len(w.notes)
	if w.seen != "" {
		raw, err := os.ReadFile(w.seen)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return usage("--seen: %w", err)
		}
		w.notes = append(w.notes, checkpoint.Split(raw)...)
	}
	opened := w.trusted.Open(w.notes)
	for _, o := range opened[shown:] {
		if o.Fault != "" {
			return fmt.Errorf("%s: %s: %s; it is what was proven before: compare it with the checkpoints by hand", w.seen, o.Fault, o.Detail)
		}
		w.before = max(w.before, o.Checkpoint.Size)
	}
	w.opened = opened[:shown]
	w.keep(opened[shown:])
	return nil
}

// keep has what was seen before count as evidence, too, unless it is among what is shown.
func (w *witness) keep(seen []checkpoint.Opened) {
	for _, s := range seen {
		newest := uint64(0)
		for _, o := range w.opened {
			if o.Fault == "" {
				newest = max(newest, o.Checkpoint.Size)
			}
		}
		if newest >= s.Checkpoint.Size {
			w.opened = append(w.opened, s)
		}
	}
}

// judge puts into the verdict what the checkpoints say, and reports whether that is good.
func (w *witness) judge(v *verdict, tree *proof.Tree, domain string) bool {
	if domain != "" && domain != w.trusted.Domain() {
		for i := range w.opened {
			if o := &w.opened[i]; o.Fault == "" {
				o.Fault, o.Detail = checkpoint.OtherName, fmt.Sprintf("it is of %s, the ledger is that of %s", w.trusted.Domain(), domain)
			}
		}
	}
	result := tree.Hold(w.opened, w.before)
	v.Checkpoints, v.Proven = result.Statements, result.Proven
	v.Findings = proof.Merge(v.Findings, result.Findings)
	return result.Sound()
}

// remember keeps the newest checkpoint that was proven.
func (w *witness) remember(proven uint64) error {
	if w.seen == "" || proven <= w.before {
		return nil
	}
	for i, o := range w.opened {
		if o.Fault != "" || o.Checkpoint.Size != proven {
			continue
		}
		if err := durable.Replace(w.seen, 0o600, w.notes[i]); err != nil {
			return fmt.Errorf("remember the checkpoint: %w", err)
		}
		return nil
	}
	return nil
}

// writeStatements says of each checkpoint what came of it.
func (c *cli) writeStatements(v *verdict, line func(ok bool, format string, args ...any)) {
	proven := 0
	for _, s := range v.Checkpoints {
		switch {
		case s.Proven:
			proven++
		case s.Fault == string(checkpoint.Malformed):
			c.note("a checkpoint cannot be used: %s", s.Detail)
		case s.Fault != "":
			line(false, "checkpoint of %d records: %s: %s", s.Size, s.Fault, s.Detail)
		default:
			line(false, "checkpoint of %d records, root %s: the ledger is another", s.Size, s.Root)
		}
	}
	for _, s := range v.Checkpoints {
		if s.Proven && s.Size == v.Proven {
			line(true, "checkpoints: %d hold; the newest proves every record up to position %d, of %s, signed by %s", proven, s.Size, s.Last.Format("2006-01-02 15:04:05Z07:00"), s.Key)
			return
		}
	}
	if len(v.Checkpoints) > 0 {
		line(false, "checkpoints: none proves any of it")
	}
}

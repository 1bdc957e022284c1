package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress tells a person at a terminal how far long work is, in one line that is gone when it ends. Elsewhere it is silent.
type progress struct {
	w    io.Writer // nil: silent
	what string
	of   int
	told time.Time
}

// progress begins to tell of work on so many things. Work on one is told of as well: it may take long.
func (c *cli) progress(of int, what string) *progress {
	p := &progress{what: what, of: of}
	if f, ok := c.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		p.w = f
		fmt.Fprintf(p.w, "computing %d %s ...", of, what)
		p.told = time.Now()
	}
	return p
}

// at says that so many are done.
func (p *progress) at(done int) {
	const often = 100 * time.Millisecond
	if p.w == nil || time.Since(p.told) < often {
		return
	}
	p.told = time.Now()
	fmt.Fprintf(p.w, "\r\x1b[Kcomputing %s: %d of %d", p.what, done, p.of)
}

// end wipes the line.
func (p *progress) end() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

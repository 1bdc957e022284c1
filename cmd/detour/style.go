package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/incident"
)

// style writes colour, or nothing where there is no terminal or NO_COLOR is set (no-color.org).
type style struct{ colour bool }

func styleOf(w io.Writer) style {
	f, ok := w.(*os.File)
	return style{ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))}
}

// paint is an SGR code. All have two digits, so that painted cells of one column are wider by the same.
type paint string

const (
	plain  paint = "39"
	bold   paint = "01"
	red    paint = "31"
	green  paint = "32"
	yellow paint = "33"
	blue   paint = "36"
)

// in is a text in a colour, harmless.
func (s style) in(p paint, text string) painted {
	text = clean.Line(text)
	if !s.colour {
		return painted(text)
	}
	return painted("\x1b[" + string(p) + "m" + text + "\x1b[0m")
}

// cell is a piece of text in a table.
type cell struct {
	text  string
	paint paint
}

// table lines cells up in columns.
type table struct {
	w     *tabwriter.Writer
	style style
}

func (c *cli) table(heads ...string) *table {
	t := &table{w: tabwriter.NewWriter(c.stdout, 0, 8, 2, ' ', 0), style: c.style}
	cells := make([]any, len(heads))
	for i, h := range heads {
		cells[i] = cell{h, bold}
	}
	t.row(cells...)
	return t
}

// row adds a row of cells or of anything that prints; what is empty shows as a dash.
func (t *table) row(cells ...any) {
	for i, v := range cells {
		c, ok := v.(cell)
		if !ok {
			c = cell{fmt.Sprint(v), plain}
		}
		if c.text == "" {
			c.text = "-"
		}
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, t.style.in(c.paint, c.text))
	}
	fmt.Fprintln(t.w)
}

func (t *table) flush() error {
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// stamp is a time for people, in UTC to the second; "" when there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// phasePaint shows at a glance whether an incident needs somebody.
func phasePaint(p incident.Phase) paint {
	switch p {
	case incident.Stuck:
		return red
	case incident.Asking, incident.Waiting:
		return yellow
	case incident.Holding, incident.Probation:
		return green
	case incident.Closed:
		return plain
	}
	return blue
}

func severityPaint(s events.Severity) paint {
	switch s {
	case events.Critical:
		return red
	case events.Major:
		return yellow
	}
	return plain
}

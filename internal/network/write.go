package network

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// WriteTopology writes links as a topology file that ParseTopology reads. remark may say something of a link, which then
// stands above it as a comment.
func WriteTopology(w io.Writer, links []Link, remark func(Link) string) error {
	var b bytes.Buffer
	b.WriteString("links:\n")
	if len(links) == 0 {
		b.Reset()
		b.WriteString("links: []\n")
	}
	for _, l := range links {
		if text := remark(l); text != "" {
			fmt.Fprintf(&b, "  # %s\n", text)
		}
		fmt.Fprintf(&b, "  - name: %s\n    a: %s\n    b: %s\n    capacity_bps: %d\n", quoted(l.Name), flowEnd(l.A), flowEnd(l.B), l.Capacity)
		writeRest(&b, l)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeRest writes what most links do not have.
func writeRest(b *bytes.Buffer, l Link) {
	if len(l.Members) > 0 {
		b.WriteString("    members:\n")
	}
	for _, m := range l.Members {
		fmt.Fprintf(b, "      - {name: %s, capacity_bps: %d}\n", quoted(m.Name), m.Capacity)
	}
	if l.MinLinks > 0 {
		fmt.Fprintf(b, "    min_links: %d\n", l.MinLinks)
	}
	if l.Bundle != "" {
		fmt.Fprintf(b, "    bundle: %s\n", quoted(l.Bundle))
	}
	for i, g := range l.SRLGs {
		if i == 0 {
			b.WriteString("    srlgs:\n")
		}
		fmt.Fprintf(b, "      - %s\n", quoted(g))
	}
}

// flowEnd is an end on one line.
func flowEnd(e End) string {
	text := fmt.Sprintf("{device: %s, interface: %s", quoted(e.Device), quoted(e.Interface))
	if e.Card != "" {
		text += ", card: " + quoted(e.Card)
	}
	if e.Metric > 0 {
		text += fmt.Sprintf(", metric: %d", e.Metric)
	}
	for i, m := range e.Metrics {
		if text += ", "; i == 0 {
			text += "metrics: ["
		}
		text += fmt.Sprintf("{level: %d, family: %s, value: %d}", m.Level, m.Family, m.Value)
		if i == len(e.Metrics)-1 {
			text += "]"
		}
	}
	return text + "}"
}

// quoted is a YAML scalar in double quotes, whose escapes are JSON's.
func quoted(text string) string { return strconv.Quote(text) }

package main

import (
	"fmt"
	"strings"

	"github.com/detour-net/detour/events"
)

// whatifAnswer is everything that detour whatif says: about drains, or about the network as it is.
type whatifAnswer struct {
	Network networkAsked  `json:"network"`
	Traffic *trafficAsked `json:"traffic,omitempty"` // left out when it is not known
	Limits  limitsAsked   `json:"limits"`
	Drains  []prediction  `json:"drains,omitempty"`
	Present *endurance    `json:"present,omitempty"`
}

type networkAsked struct {
	Routers int           `json:"routers"`
	Links   int           `json:"links"`
	Digest  events.Digest `json:"digest"`
	Drained []string      `json:"drained,omitempty"`
	Down    []string      `json:"down,omitempty"`
}

type trafficAsked struct {
	Source  string        `json:"source"`
	Demands int           `json:"demands"`
	BPS     int64         `json:"bps"`
	Digest  events.Digest `json:"digest"`
}

type limitsAsked struct {
	From          string `json:"from"` // the policy
	WorstPermil   int    `json:"worst_permil"`
	SurvivePermil int    `json:"survive_permil"`
	WorseByPermil int    `json:"worse_by_permil"`
	NewViolations int    `json:"new_violations"`
}

func (w *workbench) answer() whatifAnswer {
	l := w.limits
	a := whatifAnswer{
		Network: networkAsked{len(w.network.Routers), len(w.network.Links), w.network.Digest(), w.drained, w.down},
		Limits:  limitsAsked{w.limitsFrom, l.WorstPermil, l.SurvivePermil, l.WorseByPermil, l.NewViolations},
	}
	if w.known {
		a.Traffic = &trafficAsked{w.traffic.Source, len(w.traffic.Demands), w.traffic.Total(), w.traffic.Digest()}
	}
	return a
}

// showDrain shows one drain with everything that is known of it.
func (c *cli) showDrain(w *workbench, p prediction) error {
	a := w.answer()
	a.Drains = []prediction{p}
	if err := c.show(a, func() error { return c.writeDrain(p) }); err != nil {
		return err
	}
	if p.Verdict != isSafe {
		return &codedError{fmt.Errorf("%s: %s", verdictOf(p.Verdict), strings.Join(p.Why, "; ")), exitRefused}
	}
	return nil
}

// verdictOf is a verdict for people.
func verdictOf(a assessment) string {
	if a == unknown {
		return "not known to be safe"
	}
	return string(a)
}

func (c *cli) writeDrain(p prediction) error {
	err := c.out("%s: %s\n%s", c.style.in(bold, strings.Join(p.Links, " with ")), c.style.in(p.Verdict.paint(), verdictOf(p.Verdict)), p.Sentence)
	if err != nil {
		return err
	}
	if len(p.Checks) > 0 {
		fmt.Fprintln(c.stdout)
		t := c.table("CHECK", "OK", "VALUE", "LIMIT")
		for _, k := range p.Checks {
			t.row(k.Name, map[bool]cell{true: {"yes", green}, false: {"NO", red}}[k.OK], k.Value, k.Limit)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if p.Drained != nil {
		fmt.Fprintln(c.stdout)
		t := c.table("WHAT", "NOW", "DRAINED")
		for _, r := range outlooks(&events.Prospect{InService: *p.InService, Drained: *p.Drained, Moved: p.Moved, Harm: p.Harm}) {
			t.row(r[0], r[1], r[2])
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if len(p.Pushes) == 0 {
		return nil
	}
	fmt.Fprintln(c.stdout)
	t := c.table("STEP", "LINK", "METRICS")
	for i, step := range p.Pushes {
		for _, s := range step {
			t.row(i+1, strings.TrimSpace(s.Link+" "+s.Family), fmt.Sprintf("%d at %s, %d at %s", s.AB, s.A, s.BA, s.B))
		}
	}
	return t.flush()
}

// showAll shows every link's drain in a line.
func (c *cli) showAll(w *workbench, list []prediction) error {
	a := w.answer()
	a.Drains = list
	count := map[assessment]int{}
	for _, p := range list {
		count[p.Verdict]++
	}
	if err := c.show(a, func() error {
		t := c.table("LINK", "VERDICT", "WORST LINK", "ONE MORE FAILURE", "STEPS", "WHY NOT")
		for _, p := range list {
			worst, more := "", ""
			if p.Drained != nil {
				worst, more = filled(p.Drained.WorstLink, p.Drained.WorstPermil), atMost(*p.Drained)+events.Percent(p.Drained.SurvivePermil)+failing(*p.Drained)
			}
			why := p.Why
			if !w.known && p.Verdict == unknown && len(p.Checks) > 0 {
				why = []string{"traffic is not known"}
			}
			t.row(strings.Join(p.Links, " "), cell{string(p.Verdict), p.Verdict.paint()}, worst, more, steps(p), strings.Join(why, "; "))
		}
		return t.flush()
	}); err != nil {
		return err
	}
	text := fmt.Sprintf("safe to drain alone: %d of %d links", count[isSafe], len(list))
	if count[isSafe] == len(list) {
		c.note("%s", text)
		return nil
	}
	if !w.known {
		text += "; " + noTraffic
	}
	return &codedError{fmt.Errorf("%s", text), exitRefused}
}

// steps says in how many pushes a drain is made.
func steps(p prediction) string {
	switch {
	case len(p.Pushes) == 0:
		return ""
	case p.Loops:
		return fmt.Sprintf("%d, may loop", len(p.Pushes))
	}
	return fmt.Sprint(len(p.Pushes))
}

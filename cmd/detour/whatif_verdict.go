package main

import (
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/policy"
)

// assessment is safe, unsafe, or not known to be either. What is not known to be safe is not done.
type assessment string

const (
	isSafe   assessment = "safe"
	isUnsafe assessment = "unsafe"
	unknown  assessment = "unknown"
)

func (a assessment) paint() paint {
	switch a {
	case isSafe:
		return green
	case isUnsafe:
		return red
	}
	return yellow
}

// prediction is what draining links together would do.
type prediction struct {
	Links    []string       `json:"links"`
	Verdict  assessment     `json:"verdict"`
	Sentence string         `json:"sentence"`
	Why      []string       `json:"why,omitempty"` // it is not safe
	Checks   []events.Check `json:"checks,omitempty"`

	InService *events.Outlook `json:"in_service,omitempty"` // without traffic there is none
	Drained   *events.Outlook `json:"drained,omitempty"`
	Moved     int64           `json:"moved_bps,omitempty"`
	Harm      int64           `json:"harm_bps,omitempty"`
	Newly     int             `json:"new_violations"`
	CutOff    []string        `json:"cut_off,omitempty"` // some of what has a path now, and none with the links drained
	Pushes    [][]push        `json:"steps,omitempty"`
	Loops     bool            `json:"loops"`
	Inputs    events.Digest   `json:"inputs,omitempty"`
}

// push sets the metrics of a link, of each direction at its own end.
type push struct {
	Link   string `json:"link"`
	Family string `json:"family,omitempty"` // of the addresses whose metrics they are; "" is both
	A      string `json:"a"`                // the router
	B      string `json:"b"`
	AB     uint32 `json:"metric_a_to_b"`
	BA     uint32 `json:"metric_b_to_a"`
}

// predict asks what draining links together would do, and judges it.
func (w *workbench) predict(links []string) prediction {
	ask := w.forecaster.Links
	if w.hard {
		ask = w.forecaster.Hard
	}
	f := ask(links, w.state)
	p := prediction{Links: slices.Compact(slices.Sorted(slices.Values(links))), Inputs: f.Inputs}
	if f.Missing != "" {
		p.Verdict, p.Sentence, p.Why = unknown, "it cannot be computed", []string{f.Missing}
		return p
	}
	if !w.known {
		f.Method = "" // every pair of routers sends a bit, to see what has a path
	}
	p.CutOff, p.Pushes, p.Loops = f.NewlyCut(), w.pushes(f.Way), f.Loops
	p.Sentence, p.Verdict = f.Sentence(len(p.Pushes)), isSafe
	for _, c := range w.limits.Judge(&f) {
		if !w.known && (c.Name == policy.CheckCapacity || c.Name == policy.CheckSurvives) {
			continue
		}
		p.Checks = append(p.Checks, c)
		if !c.OK {
			p.Verdict = isUnsafe
			p.Why = append(p.Why, c.Detail)
		}
	}
	switch {
	case w.known:
		p.InService, p.Drained, p.Moved, p.Harm, p.Newly = &f.InService, &f.Drained, f.Moved, f.Harm, f.NewViolations
	case p.Verdict == isSafe:
		p.Verdict, p.Why = unknown, []string{noTraffic}
	}
	return p
}

// noTraffic says what is missing, and what helps. A bound would need loads that are measured, and these no file has.
const noTraffic = "how full links get is not known without traffic: give --traffic FILE, or make some up with --gravity RATE"

// pushes are the metrics to set, with the routers that hold them.
func (w *workbench) pushes(way []events.Push) [][]push {
	ends := map[string][2]string{}
	for _, l := range w.network.Links {
		ends[l.Name] = [2]string{l.A.Device, l.B.Device}
	}
	all := make([][]push, len(way))
	for i, step := range way {
		for _, m := range step {
			p := push{Link: m.Link, Family: m.Family, A: ends[m.Link][0], B: ends[m.Link][1]}
			p.AB, _ = step.Metric(m.Link, p.A, m.Family)
			p.BA, _ = step.Metric(m.Link, p.B, m.Family)
			if !slices.Contains(all[i], p) {
				all[i] = append(all[i], p)
			}
		}
	}
	return all
}

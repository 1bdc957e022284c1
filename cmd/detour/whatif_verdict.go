package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network/forecast"
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
	Link string `json:"link"`
	A    string `json:"a"` // the router
	B    string `json:"b"`
	AB   uint32 `json:"metric_a_to_b"`
	BA   uint32 `json:"metric_b_to_a"`
}

// predict asks what draining links together would do, and judges it.
func (w *workbench) predict(links []string) prediction {
	f := w.forecaster.Links(links, w.state)
	p := prediction{Links: slices.Compact(slices.Sorted(slices.Values(links))), Inputs: f.Inputs}
	if f.Missing != "" {
		p.Verdict, p.Sentence, p.Why = unknown, "it cannot be computed", []string{f.Missing}
		return p
	}
	p.CutOff, p.Pushes, p.Loops = newlyCut(f.Prospect), w.pushes(f), f.Loops
	p.Checks = []events.Check{connectivity(f.Prospect, w.known)}
	if w.known {
		p.Checks = append(p.Checks, capacity(f.Prospect, w.limits), survives(f.Prospect, w.limits))
		p.InService, p.Drained, p.Moved, p.Harm, p.Newly = &f.InService, &f.Drained, f.Moved, f.Harm, f.NewViolations
	}
	p.Verdict = isSafe
	for _, c := range p.Checks {
		if !c.OK {
			p.Verdict = isUnsafe
			p.Why = append(p.Why, c.Detail)
		}
	}
	if p.Verdict == isSafe && !w.known {
		p.Verdict, p.Why = unknown, []string{noTraffic}
	}
	p.Sentence = p.sentence(f.Prospect, w.known)
	return p
}

// noTraffic says what is missing, and what helps. A bound would need loads that are measured, and these no file has.
const noTraffic = "how full links get is not known without traffic: give --traffic FILE, or make some up with --gravity RATE"

// sentence is the verdict in one breath.
func (p prediction) sentence(f events.Prospect, known bool) string {
	var parts []string
	if known {
		parts = append(parts, "after the drain worst link "+filled(f.Drained.WorstLink, f.Drained.WorstPermil))
		more := "one more failure worst " + percent(f.Drained.SurvivePermil)
		if f.Drained.Failure != "" {
			more += fmt.Sprintf(" if %s fails", f.Drained.Failure)
		}
		parts = append(parts, more)
	}
	switch {
	case len(p.CutOff) > 0 && known:
		parts = append(parts, rate(f.Drained.CutOff-f.InService.CutOff)+" cut off")
	case len(p.CutOff) > 0:
		parts = append(parts, fmt.Sprintf("%d pairs of routers cut off", f.Drained.CutOff-f.InService.CutOff))
	case f.InService.CutOff > 0:
		parts = append(parts, "nothing newly cut off")
	default:
		parts = append(parts, "nothing cut off")
	}
	parts = append(parts, counted(len(p.Pushes), "metric step"))
	if p.Loops {
		parts = append(parts, "and packets may loop in the last: more steps would be too many")
	}
	return strings.Join(parts, ", ")
}

// The three checks of what a drain would do are those of a policy, held against its limits: see policy.ProspectLimits.

// connectivity wants nothing cut off that has a path now.
func connectivity(f events.Prospect, known bool) events.Check {
	more := f.Drained.CutOff - f.InService.CutOff
	c := events.Check{
		Name: policy.CheckConnected, Limit: "nothing newly cut off", Value: "nothing newly cut off",
		OK: more <= 0 && len(f.Drained.CutOffNames) <= len(f.InService.CutOffNames), Detail: "nothing is cut off that has a path now",
	}
	if !c.OK {
		c.Value = rate(more)
		if !known {
			c.Value = fmt.Sprintf("%d pairs of routers", more)
		}
		c.Detail = fmt.Sprintf("cuts off %s (%s)", c.Value, some(newlyCut(f)))
	}
	return c
}

// capacity wants room on the fullest link, or the drain to leave it no fuller than it is.
func capacity(f events.Prospect, l policy.ProspectLimits) events.Check {
	c := events.Check{
		Name: policy.CheckCapacity, Value: filled(f.Drained.WorstLink, f.Drained.WorstPermil),
		Limit: fmt.Sprintf("at most %s, or no fuller than now (%s)", percent(l.WorstPermil), percent(f.InService.WorstPermil)),
		OK:    f.Drained.WorstPermil <= max(l.WorstPermil, f.InService.WorstPermil), Detail: "the fullest link has room",
	}
	if !c.OK {
		c.Detail = fmt.Sprintf("fills %s, now the fullest has %s", filled(f.Drained.WorstLink, f.Drained.WorstPermil), percent(f.InService.WorstPermil))
	}
	return c
}

// survives wants the drain to leave the network about as able to lose one thing more as it is now.
func survives(f events.Prospect, l policy.ProspectLimits) events.Check {
	full := f.Drained.SurvivePermil > max(l.SurvivePermil, f.InService.SurvivePermil+l.WorseByPermil)
	// Where no failure fills a link, what is not survived is not survived for want of a path.
	edge := !full && f.Drained.SurvivePermil <= 1000 && l.Edge == policy.TreatAllow
	c := events.Check{
		Name: policy.CheckSurvives, Value: fmt.Sprintf("%s, %d new of %d failures", percent(f.Drained.SurvivePermil), f.NewViolations, f.Drained.Failures),
		Limit: fmt.Sprintf("at most %s or %s more than now (%s), at most %d new", percent(l.SurvivePermil), percent(l.WorseByPermil), percent(f.InService.SurvivePermil), l.NewViolations),
		OK:    !full && (f.NewViolations <= l.NewViolations || edge), Detail: "one more failure does no new harm",
	}
	switch {
	case c.OK:
	case f.Worst != "":
		c.Detail = f.Worst
	default:
		c.Detail = fmt.Sprintf("if %s fails, %s", f.Drained.Failure, filled(f.Drained.Link, f.Drained.SurvivePermil))
	}
	return c
}

// newlyCut are what a drain cuts off, as far as it is named.
func newlyCut(f events.Prospect) []string {
	var names []string
	for _, n := range f.Drained.CutOffNames {
		if !slices.Contains(f.InService.CutOffNames, n) {
			names = append(names, n)
		}
	}
	return names
}

// pushes are the metrics to set, with the routers that hold them.
func (w *workbench) pushes(f forecast.Forecast) [][]push {
	ends := map[string][2]string{}
	for _, l := range w.network.Links {
		ends[l.Name] = [2]string{l.A.Device, l.B.Device}
	}
	all := make([][]push, len(f.Way.Pushes))
	for i, step := range f.Way.Pushes {
		for _, m := range step {
			all[i] = append(all[i], push{Link: m.Link, A: ends[m.Link][0], B: ends[m.Link][1], AB: m.AB, BA: m.BA})
		}
	}
	return all
}

// filled is a link, as an Outlook names its direction, with how full it is: "den-kcy 71 %".
func filled(direction string, permil int) string {
	return strings.TrimSpace(linkOf(direction) + " " + percent(permil))
}

// linkOf is the link of a direction: "den-kcy" of "den-kcy, den to kcy".
func linkOf(direction string) string {
	link, _, _ := strings.Cut(direction, ",")
	return link
}

// percent is a number of thousandths for people.
func percent(permil int) string {
	if permil%10 == 0 {
		return fmt.Sprintf("%d %%", permil/10)
	}
	return fmt.Sprintf("%d.%d %%", permil/10, permil%10)
}

// rate is a rate of traffic for people, in bits per second.
func rate(bps int64) string {
	units := []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"}
	n, unit := float64(bps), 0
	for ; n >= 1000 && unit < len(units)-1; unit++ {
		n /= 1000
	}
	return fmt.Sprintf("%.4g %s", n, units[unit])
}

// counted is a number of things, the small ones in words.
func counted(n int, thing string) string {
	small := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	number := fmt.Sprint(n)
	if n < len(small) {
		number = small[n]
	}
	if n != 1 {
		thing += "s"
	}
	return number + " " + thing
}

// some names a few of many.
func some(names []string) string {
	const shown = 3
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + " and more"
	}
	return strings.Join(names, ", ")
}

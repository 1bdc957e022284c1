package events

import (
	"fmt"
	"slices"
	"strings"
)

// Sentence says in one breath what a drain that is made in so many steps would do, for example "after the drain worst link
// den-kcy 71 %, one more failure worst 93 % if sea-den fails, nothing cut off, two metric steps".
func (p *Prospect) Sentence(steps int) string {
	if p.Missing != "" {
		return "what the drain would do is not known: " + p.Missing
	}
	var parts []string
	if p.Method != "" {
		parts = append(parts, p.loads())
	}
	newly := p.Drained.CutOff - p.InService.CutOff
	names := p.NewlyCut()
	switch {
	case newly > 0:
		parts = append(parts, p.Amount(newly)+" cut off")
	case len(names) > 0:
		parts = append(parts, Some(names)+" cut off")
	case p.InService.CutOff > 0:
		parts = append(parts, "nothing newly cut off")
	default:
		parts = append(parts, "nothing cut off")
	}
	parts = append(parts, Counted(steps, "metric step"))
	if p.Loops {
		parts = append(parts, "and packets may loop in the last: more steps would be too many")
	}
	return strings.Join(parts, ", ")
}

// loads says how full links get. What is bounded is said to be.
func (p *Prospect) loads() string {
	most := ""
	if p.Method == MethodBound {
		most = "at most "
	}
	link := LinkOf(p.Drained.WorstLink)
	if link != "" {
		link += " "
	}
	text := "after the drain worst link " + link + most + Percent(p.Drained.WorstPermil)
	switch {
	case p.Drained.Failures == 0:
		return text + ", no failure more looked at"
	case p.Drained.AtMost:
		return text + ", one more failure worst at most " + Percent(p.Drained.SurvivePermil)
	case p.Drained.Failure == "":
		return text + ", one more failure worst " + most + Percent(p.Drained.SurvivePermil)
	}
	return fmt.Sprintf("%s, one more failure worst %s%s if %s fails", text, most, Percent(p.Drained.SurvivePermil), p.Drained.Failure)
}

// NewlyCut are what the drain cuts off and has a path now, as far as it is named.
func (p *Prospect) NewlyCut() []string {
	var names []string
	for _, n := range p.Drained.CutOffNames {
		if !slices.Contains(p.InService.CutOffNames, n) {
			names = append(names, n)
		}
	}
	return names
}

// Amount is so much of what is cut off, for people: a rate, or, where paths alone are known, pairs of routers.
func (p *Prospect) Amount(n int64) string {
	if p.Method == "" {
		return fmt.Sprintf("%d pairs of routers", n)
	}
	return Rate(n)
}

// LinkOf is the link of a direction as an Outlook names it: "den-kcy" of "den-kcy, den to kcy".
func LinkOf(direction string) string {
	link, _, _ := strings.Cut(direction, ", ")
	return link
}

// Percent is a number of thousandths for people: "71 %" or "71.4 %".
func Percent(permil int) string {
	if permil%10 == 0 {
		return fmt.Sprintf("%d %%", permil/10)
	}
	return fmt.Sprintf("%d.%d %%", permil/10, permil%10)
}

// Rate is a rate of traffic, in bits per second, for people: "2.5 Gbit/s".
func Rate(bps int64) string {
	units := []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"}
	n, unit := float64(bps), 0
	for ; n >= 1000 && unit < len(units)-1; unit++ {
		n /= 1000
	}
	return fmt.Sprintf("%.4g %s", n, units[unit])
}

// Counted is a number of things for people, the small ones in words: "two steps", "11 steps".
func Counted(n int, thing string) string {
	small := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	number := fmt.Sprint(n)
	if n >= 0 && n < len(small) {
		number = small[n]
	}
	if n != 1 {
		thing += "s"
	}
	return number + " " + thing
}

// Some names a few of many: "a, b, c and 4 more".
func Some(names []string) string {
	const shown = 3
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

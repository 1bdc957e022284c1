package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// ProspectLimits say what a drain may do to the network, by what was computed of it beforehand: see events.Prospect.
// Loads are in thousandths of a link's capacity. Where a limit is relative, what matters is what the drain adds: on a
// network that does not survive every failure today an absolute limit would refuse nearly every drain.
type ProspectLimits struct {
	// Missing is what is done where nothing could be computed, or only what is older than clocks.fresh.
	Missing Treatment `yaml:"missing" json:"missing"`

	MatrixAge         events.Duration `yaml:"matrix_age" json:"matrix_age"`                   // oldest traffic matrix that is acted on without a person
	MatrixAgeApproved events.Duration `yaml:"matrix_age_approved" json:"matrix_age_approved"` // and with one
	CountersPermil    int             `yaml:"counters_permil" json:"counters_permil"`         // least share of directions of links on which the counters of both ends agree
	ConservedPermil   int             `yaml:"conserved_permil" json:"conserved_permil"`       // least share of routers out of which goes what comes in, of those at which all is counted
	FitPermil         int             `yaml:"fit_permil" json:"fit_permil"`                   // least share of directions of links on which prediction and measurement agree

	WorstPermil   int       `yaml:"worst_permil" json:"worst_permil"`       // load of the fullest link with the drain, unless it is as full without
	SurvivePermil int       `yaml:"survive_permil" json:"survive_permil"`   // the same after the worst failure more
	WorseByPermil int       `yaml:"worse_by_permil" json:"worse_by_permil"` // or at most so much above what that failure does without the drain
	NewViolations int       `yaml:"new_violations" json:"new_violations"`   // failures that are survived without the drain and not with it
	Edge          Treatment `yaml:"edge" json:"edge"`                       // of new violations that overload nothing: a failure more cuts traffic off, at a router with two ways

	Loops         Treatment `yaml:"loops" json:"loops"`                     // of a plan on whose way packets may loop
	SkipStepsLoss float64   `yaml:"skip_steps_loss" json:"skip_steps_loss"` // a link that loses at least this share of its packets is drained at once, loops or not

	Worth int `yaml:"worth" json:"worth"` // what a drain saves over what it is expected to cost, at least; less is left to a person. 0: not asked

	WhenHeld       Held       `yaml:"when_held" json:"when_held"`             // what happens to a drain between two steps when a check holds up the next one
	WhenUnbearable Unbearable `yaml:"when_unbearable" json:"when_unbearable"` // what happens to a drain that stands and no longer keeps these limits
}

// Unbearable is what happens to a drain that stands when the network can no longer bear it.
type Unbearable string

// What may happen to it.
const (
	UnbearablePage   Unbearable = "page"   // it stays and a person is called
	UnbearableRevert Unbearable = "revert" // it is taken back
)

// Held is what happens to a drain between two steps when a check that time or a person can satisfy holds up the next one.
type Held string

// What may happen to it.
const (
	HeldWait   Held = "wait"   // it stays where it is for as long as its verification may take, and is taken back then
	HeldRevert Held = "revert" // it is taken back at once
)

// Treatment is what is done where something is not known, or not as it should be.
type Treatment string

// The treatments.
const (
	TreatRefuse Treatment = "refuse" // nothing is done
	TreatAsk    Treatment = "ask"    // a person approves each time
	TreatAllow  Treatment = "allow"  // as if nothing were wrong; the record says so
)

// Keep is what is never risked.
type Keep struct {
	DependsOn []string `yaml:"depends_on" json:"depends_on,omitempty"` // routers on Detour's own way to its bus and collectors, which no drain may cut off
	Never     []string `yaml:"never" json:"never,omitempty"`           // links that are never touched
}

// Prospects returns the limits on what a drain may do to the network.
func (p *Policy) Prospects() ProspectLimits { return p.file.Prospect }

// CheckKeep asks whether the routers and links that must be kept are known, and places what is not in the policy's file: a
// misspelt name would keep nothing.
func (p *Policy) CheckKeep(router, link func(name string) bool) error {
	doc := p.doc.Fresh()
	complain := func(key, kind string, names []string, known func(string) bool) {
		for i, name := range names {
			if !known(name) {
				doc.Bad(fmt.Sprintf("keep.%s[%d]", key, i), "%q is no %s of the network: nothing would be kept", name, kind)
			}
		}
	}
	complain("depends_on", "router", p.file.Keep.DependsOn, router)
	complain("never", "link", p.file.Keep.Never, link)
	return doc.Err()
}

func (v validator) prospect(l ProspectLimits) {
	treatment := func(key string, t Treatment) {
		oneOf(v, "prospect."+key, t, TreatRefuse, TreatAsk, TreatAllow)
	}
	treatment("missing", l.Missing)
	treatment("edge", l.Edge)
	treatment("loops", l.Loops)
	v.span("prospect.matrix_age", l.MatrixAge, instant, day, "")
	v.span("prospect.matrix_age_approved", l.MatrixAgeApproved, l.MatrixAge.Std(), 7*day, "not less than matrix_age")
	number(v, "prospect.counters_permil", l.CountersPermil, 500, 1000, "thousandths; below a half they say nothing")
	number(v, "prospect.conserved_permil", l.ConservedPermil, 500, 1000, "thousandths; below a half they say nothing")
	number(v, "prospect.fit_permil", l.FitPermil, 500, 1000, "thousandths; below a half it explains nothing")
	number(v, "prospect.worst_permil", l.WorstPermil, 1, 1000, "thousandths")
	number(v, "prospect.survive_permil", l.SurvivePermil, 1, 2000, "thousandths")
	number(v, "prospect.worse_by_permil", l.WorseByPermil, 0, 200, "thousandths")
	number(v, "prospect.new_violations", l.NewViolations, 0, 1000, "")
	number(v, "prospect.worth", l.Worth, 0, 1000, "")
	if !(l.SkipStepsLoss > 0 && l.SkipStepsLoss <= 1) {
		v.bad("prospect.skip_steps_loss", "%v: want a share of packets above 0 and at most 1", l.SkipStepsLoss)
	}
	oneOf(v, "prospect.when_held", l.WhenHeld, HeldWait, HeldRevert)
	oneOf(v, "prospect.when_unbearable", l.WhenUnbearable, UnbearablePage, UnbearableRevert)
}

func (v validator) keep(k Keep) {
	const most = 1000
	names := func(key string, list []string) {
		if len(list) > most {
			v.bad("keep."+key, "%d names: want at most %d", len(list), most)
		}
		seen := map[string]bool{}
		for i, name := range list {
			v.name(fmt.Sprintf("keep.%s[%d]", key, i), name, seen)
		}
	}
	names("depends_on", k.DependsOn)
	names("never", k.Never)
}

// usable says why a what-if is none that anything can rest on; "" when it is one.
func (p *Policy) usable(f *events.Prospect, now time.Time) (why string) {
	fresh := p.file.Clocks.Fresh.Std()
	switch {
	case f == nil:
		return "nothing was computed of it"
	case f.Missing != "":
		return f.Missing
	case f.At.IsZero():
		return "it does not say of when it is"
	case now.Sub(f.At) > fresh:
		return fmt.Sprintf("it is of %s ago", now.Sub(f.At).Round(time.Millisecond))
	case f.At.Sub(now) > fresh:
		return fmt.Sprintf("it is %s ahead of this clock", f.At.Sub(now).Round(time.Millisecond))
	case f.Method != events.MethodExact && f.Method != events.MethodBound:
		return fmt.Sprintf("the method %q is not known", f.Method)
	case slices.ContainsFunc([]int64{
		f.Moved, f.Harm, f.Benefit, int64(f.NewViolations), int64(f.Fit.Close), int64(f.Fit.Links), int64(f.Counters.Close), int64(f.Counters.Links),
		int64(f.Conserved.Balanced), int64(f.Conserved.Routers),
		f.Drained.CutOff, int64(f.Drained.WorstPermil), int64(f.Drained.SurvivePermil), int64(f.Drained.Failures),
		f.InService.CutOff, int64(f.InService.WorstPermil), int64(f.InService.SurvivePermil), int64(f.InService.Failures),
	}, func(n int64) bool { return n < 0 }):
		return "a figure of it is negative"
	case f.Fit.Close > f.Fit.Links || f.Counters.Close > f.Counters.Links:
		return "it is said to agree on more links than are known"
	case f.Conserved.Balanced > f.Conserved.Routers:
		return "more routers are said to balance than are counted"
	}
	return ""
}

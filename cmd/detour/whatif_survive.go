package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/network/forecast"
)

// endurance is what every single failure would do to the network as it is.
type endurance struct {
	Verdict  assessment `json:"verdict"`
	Sentence string     `json:"sentence"`
	Now      failure    `json:"now"`
	Failures []failure  `json:"failures"` // the worst first
	Survived int        `json:"survived"`
}

type failure struct {
	Cause       forecast.Cause `json:"cause,omitempty"`
	Name        string         `json:"name,omitempty"`
	Survived    bool           `json:"survived"`
	WorstPermil int            `json:"worst_permil"`
	WorstLink   string         `json:"worst_link,omitempty"`
	CutOff      int64          `json:"cut_off_bps"`
	CutOffNames []string       `json:"cut_off,omitempty"`
}

// whatifSurvive holds the network as it is against each failure.
func (c *cli) whatifSurvive(ctx context.Context, w *workbench) error {
	if !w.known {
		return usage("%s", noTraffic)
	}
	bar := c.progress(len(w.network.Links)+len(w.network.RiskGroups())+len(w.network.Routers), "failures")
	e, err := interruptible(ctx, func() (endurance, error) { return w.endure(ctx, bar) })
	bar.end()
	if err != nil {
		return err
	}
	a := w.answer()
	a.Present = &e
	if err := c.show(a, func() error { return c.writeEndurance(e) }); err != nil {
		return err
	}
	if e.Verdict != isSafe {
		return &codedError{fmt.Errorf("not every failure is survived: %d of %d are not", len(e.Failures)-e.Survived, len(e.Failures)), exitRefused}
	}
	return nil
}

// endure lets one thing after the other fail. A failure is survived when it fills no link over the limit and cuts nothing
// off, whatever stands now.
func (w *workbench) endure(ctx context.Context, bar *progress) (endurance, error) {
	e := endurance{Verdict: isSafe}
	cutting := 0
	err := w.forecaster.Failures(w.state, func(f forecast.Failure) error {
		one := failure{
			Cause: f.Cause, Name: f.Name, WorstPermil: f.WorstPermil, WorstLink: f.WorstLink, CutOff: f.CutOff, CutOffNames: f.CutOffNames,
			Survived: f.WorstPermil <= w.limits.SurvivePermil && f.CutOff == 0,
		}
		if f.Cause == forecast.CauseNone {
			e.Now = one
			return ctx.Err()
		}
		e.Failures = append(e.Failures, one)
		bar.at(len(e.Failures))
		if one.Survived {
			e.Survived++
		}
		if one.CutOff > 0 {
			cutting++
		}
		return ctx.Err()
	})
	switch {
	case ctx.Err() != nil:
		return endurance{}, ctx.Err()
	case err != nil:
		return endurance{}, &codedError{fmt.Errorf("not known: %w", err), exitRefused}
	}
	fullest := e.Now
	for _, f := range e.Failures {
		if f.WorstPermil > fullest.WorstPermil {
			fullest = f
		}
	}
	if e.Survived < len(e.Failures) {
		e.Verdict = isUnsafe
	}
	worst := "one failure worst " + events.Percent(fullest.WorstPermil)
	if fullest.Name != "" {
		worst += fmt.Sprintf(" on %s if %s fails", events.LinkOf(fullest.WorstLink), fullest.Name)
	}
	e.Sentence = fmt.Sprintf("now worst link %s, %s, %d of %d cut something off", filled(e.Now.WorstLink, e.Now.WorstPermil), worst, cutting, len(e.Failures))
	slices.SortStableFunc(e.Failures, func(a, b failure) int {
		return cmp.Or(cmp.Compare(b.CutOff, a.CutOff), cmp.Compare(b.WorstPermil, a.WorstPermil))
	})
	return e, nil
}

func (c *cli) writeEndurance(e endurance) error {
	if err := c.out("%s\n", e.Sentence); err != nil {
		return err
	}
	t := c.table("FAILS", "NAME", "SURVIVED", "WORST LINK", "CUTS OFF", "AMONG IT")
	for _, f := range e.Failures {
		cut := ""
		if f.CutOff > 0 {
			cut = events.Rate(f.CutOff)
		}
		t.row(string(f.Cause), f.Name, map[bool]cell{true: {"yes", green}, false: {"NO", red}}[f.Survived], filled(f.WorstLink, f.WorstPermil), cut, events.Some(f.CutOffNames))
	}
	return t.flush()
}

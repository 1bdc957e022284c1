package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// Summarize is an incident of b in one row.
func Summarize(b *incident.Board, i *incident.Incident) api.Summary {
	why, _ := b.Why(i.ID)
	firing, _ := i.Firing()
	sum := api.Summary{
		ID: i.ID, Target: i.Target.Key(), Phase: i.Phase, Symptom: i.Symptom, Severity: i.Severity, Firing: firing && i.IsOpen(),
		Drained: i.Drained(), Opened: i.Opened, Changed: i.Changed, Sets: i.Sets, Sentence: why.Sentence, Position: newest(i),
	}
	if i.Plan != nil {
		sum.Mode, sum.Rule, sum.Plan = i.Plan.Mode, i.Plan.Rule, i.Plan.Plan.Sentence
	}
	if i.Hold != nil && i.Stands() {
		sum.Until, sum.Expires = i.Hold.Until, i.Hold.Expires
	}
	if i.Phase == incident.Asking {
		sum.Question = question(i)
	}
	if i.IsOpen() {
		sum.Unblock = why.Unblock
	}
	if i.Cause != nil {
		sum.Cause, sum.Lead = i.Cause.Scope, i.Cause.Lead
	}
	if i.End != nil {
		sum.Outcome = i.End.Outcome
	}
	return sum
}

// question is what people are asked about an incident that is Asking.
func question(i *incident.Incident) *api.Question {
	q := &api.Question{Plan: i.Ask.Plan, Quorum: i.Ask.Quorum, Approved: []string{}, Roles: orEmpty(i.Ask.Roles), Asked: i.Asked, Expires: i.Ask.Expires, Checks: orEmpty(i.Ask.Checks)}
	for _, a := range i.Approvals {
		if a.Plan == i.Ask.Plan {
			q.Approved = append(q.Approved, a.By.Name)
		}
	}
	return q
}

// newest is the position of the incident's newest commit.
func newest(i *incident.Incident) uint64 {
	if len(i.Positions) == 0 {
		return 0
	}
	return i.Positions[len(i.Positions)-1]
}

// all is every incident that the Board remembers: the open ones, most severe first, then the ended ones, newest first.
func all(b *incident.Board) []*incident.Incident { return append(b.Open(), b.Closed()...) }

func (s *Server) incidents(r *http.Request, _ events.Person) (any, error) {
	q, err := ask(r, "phase", "open", "skip", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	skip, err := skipOf(q)
	if err != nil {
		return nil, err
	}
	wanted, err := filterOf(q)
	if err != nil {
		return nil, err
	}
	return view(s, func(b *incident.Board) api.Incidents {
		rows, more := some(b, skip, limit, wanted, func(i *incident.Incident) api.Summary { return Summarize(b, i) })
		return api.Incidents{Position: b.Position, Incidents: rows, More: more}
	}), nil
}

// some makes rows of the first incidents that are wanted behind those that are skipped, and counts the ones behind.
func some[T any](b *incident.Board, skip, limit int, wanted func(*incident.Incident) bool, row func(*incident.Incident) T) (rows []T, more int) {
	rows = []T{}
	for _, i := range all(b) {
		switch {
		case !wanted(i):
		case skip > 0:
			skip--
		case len(rows) == limit:
			more++
		default:
			rows = append(rows, row(i))
		}
	}
	return rows, more
}

// filterOf reads which incidents are wanted.
func filterOf(q url.Values) (func(*incident.Incident) bool, error) {
	known := map[string]bool{}
	for _, t := range incident.Transitions() {
		known[string(t.To)] = true
	}
	phases := q["phase"]
	for _, p := range phases {
		if !known[p] {
			return nil, invalid(fmt.Sprintf("phase is %q", p), "give one of open, waiting, asking, acting, verifying, confirming, holding, reverting, probation, stuck, closed")
		}
	}
	var open *bool
	if q.Has("open") {
		v, err := strconv.ParseBool(q.Get("open"))
		if err != nil {
			return nil, invalid(fmt.Sprintf("open is %q", q.Get("open")), "give true or false")
		}
		open = &v
	}
	return func(i *incident.Incident) bool {
		return (open == nil || *open == i.IsOpen()) && (len(phases) == 0 || slices.Contains(phases, string(i.Phase)))
	}, nil
}

// incident encodes under the Board's lock, since the fold goes on in what it shares.
func (s *Server) incident(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	var raw json.RawMessage
	err := notFound(r.PathValue("id"))
	s.cfg.Board.View(func(b *incident.Board) {
		if i, ok := b.Incident(r.PathValue("id")); ok {
			raw, err = json.Marshal(Whole(b, i))
		}
	})
	return raw, err
}

// Whole is an incident with everything that the Board says of it. It shares memory with the Board.
func Whole(b *incident.Board, i *incident.Incident) api.Incident {
	why, _ := b.Why(i.ID)
	firing, _ := i.Firing()
	known := *i
	known.Children = b.Children(i)
	return api.Incident{
		Incident: known, Firing: firing && i.IsOpen(), Drained: i.Drained(), Sentence: why.Sentence,
		Verdict: why.Verdict, Now: why.Now, Held: orEmpty(why.Held), Unblock: orEmpty(why.Unblock),
	}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func notFound(id string) error { return fmt.Errorf("incident %q: %w", id, incident.ErrNotFound) }

func (s *Server) whyIncident(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	why := view(s, func(b *incident.Board) api.Why { return explain(b, id) })
	if why.Incident == nil {
		return nil, notFound(id)
	}
	return why, nil
}

func (s *Server) whyEvent(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	id := r.PathValue("event")
	why := view(s, func(b *incident.Board) (why api.Why) {
		if t, ok := b.Trace(id); ok {
			why = explain(b, t.Incident)
			why.Event, why.Remedy = &t, t.Remedy()
		}
		return why
	})
	if why.Event == nil {
		return nil, problem(api.ProblemNotFound, fmt.Sprintf("no event with the id %q is on record, as far back as is remembered", id),
			"see detour.v1.rejected.> for messages that could not be read, and /readyz for whether this replica takes events in")
	}
	return why, nil
}

func explain(b *incident.Board, id string) (why api.Why) {
	if e, ok := b.Why(id); ok {
		why.Incident = &e
	}
	return why
}

func (s *Server) decisions(r *http.Request, _ events.Person) (any, error) {
	q, err := ask(r, "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	return view(s, func(b *incident.Board) api.Decisions {
		rows, more := some(b, 0, limit, func(i *incident.Incident) bool { return i.Ruling != nil }, decision)
		return api.Decisions{Position: b.Position, Decisions: rows, More: more}
	}), nil
}

func decision(i *incident.Incident) api.Decision {
	r := i.Ruling
	return api.Decision{Incident: i.ID, Phase: i.Phase, Verdict: r.Verdict, Rule: r.Rule, Plan: r.Plan, Policy: r.Policy, Checks: orEmpty(r.Checks)}
}

// history reads the incident's commits from the ledger.
func (s *Server) history(r *http.Request, _ events.Person) (any, error) {
	q, err := ask(r, "limit")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	id, known := r.PathValue("id"), false
	positions := view(s, func(b *incident.Board) []uint64 {
		i, ok := b.Incident(id)
		if known = ok; !ok {
			return nil
		}
		return slices.Clone(i.Positions)
	})
	if !known {
		return nil, notFound(id)
	}
	h := api.History{Incident: id, Entries: []api.Entry{}, Earlier: max(0, len(positions)-limit)}
	err = s.commits(r.Context(), positions[h.Earlier:], func(c events.Commit) error {
		for _, rec := range c.Records {
			if rec.Incident != id {
				continue
			}
			body, err := json.Marshal(rec.Body)
			if err != nil {
				return fmt.Errorf("position %d: %w", c.Position, err)
			}
			h.Entries = append(h.Entries, api.Entry{Position: c.Position, Digest: c.Digest, At: c.At, By: c.By, Kind: rec.Body.Kind(), Body: body})
		}
		return nil
	})
	return h, err
}

// nearby is how far apart two positions may lie and still be read in one go.
const nearby = 64

// commits reads the commits at positions, which ascend.
func (s *Server) commits(ctx context.Context, positions []uint64, fn func(events.Commit) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.OrderWithin)
	defer cancel()
	for len(positions) > 0 {
		n := 1
		for n < len(positions) && positions[n]-positions[n-1] <= nearby {
			n++
		}
		err := s.cfg.Ledger.Lines(ctx, positions[0], positions[n-1], func(position uint64, line []byte) error {
			if _, wanted := slices.BinarySearch(positions[:n], position); !wanted {
				return nil
			}
			c, err := commitOf(line)
			if err != nil {
				return err
			}
			return fn(c)
		})
		if err != nil {
			return fmt.Errorf("read positions %d to %d: %w", positions[0], positions[n-1], err)
		}
		positions = positions[n:]
	}
	return nil
}

// commitOf reads the commit in one line of an export.
func commitOf(line []byte) (events.Commit, error) {
	var l api.Line
	if err := json.Unmarshal(line, &l); err != nil {
		return events.Commit{}, fmt.Errorf("read line: %w", err)
	}
	raw := []byte(l.Commit)
	if raw == nil {
		raw = l.Raw
	}
	c, err := events.Decode(raw)
	if err != nil {
		return events.Commit{}, fmt.Errorf("position %d: %w", l.Position, err)
	}
	c.Position = l.Position
	return c, nil
}

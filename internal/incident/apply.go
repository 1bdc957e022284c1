package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

// Apply folds one commit. The only error is a commit that does not follow the last one; nothing is folded then.
func (b *Board) Apply(c events.Commit) error {
	if c.Position <= b.Position {
		return fmt.Errorf("commit at position %d after position %d", c.Position, b.Position)
	}
	b.Position, b.Digest = c.Position, c.Digest
	if c.At.After(b.Now) {
		b.Now = c.At
	}
	for _, r := range c.Records {
		if why := b.fold(c, r); why != "" {
			b.alarm(c, r, why)
		}
	}
	return nil
}

// fold applies one record and says why it could not.
func (b *Board) fold(c events.Commit, r events.Record) string {
	if o, ok := r.Body.(*events.Observed); ok {
		return b.foldObserved(c.Position, r.Incident, o)
	}
	b.moved++
	switch body := r.Body.(type) {
	case events.Foreign:
		b.foreign = fmt.Sprintf("position %d holds a record of kind %q that this version does not know: upgrade this replica", c.Position, body.Name)
		return ""
	case events.Opened:
		return b.foldOpened(c, r, body)
	case events.DeadLettered:
		return ""
	case events.Frozen:
		b.freeze(body)
		return ""
	case events.Thawed:
		b.thaw(body, c.At)
		return ""
	case events.MaintenanceBegun, events.MaintenanceEnded:
		return b.foldWindow(body)
	case events.PolicyLoaded:
		b.policies[replicaOf(c.By)] = Course{Loaded: body, Since: b.Now}
		return ""
	case events.PolicyRefused:
		b.refused(replicaOf(c.By), body)
		return ""
	case events.Proved:
		b.proofs[body.Device] = body
		return ""
	case events.RebootTrial:
		b.trials[body.Device] = body
		return ""
	case events.Told:
		return b.foldTold(Telling{Told: body, Position: c.Position})
	case events.SignedOut, events.Linked, events.Unlinked:
		return b.foldAccess(c.At, body)
	}
	return b.foldMove(c, r)
}

// foldMove applies what was decided or done about an incident, if its phase admits it.
func (b *Board) foldMove(c events.Commit, r events.Record) string {
	i, ok := b.Incident(r.Incident)
	if !ok {
		return "no such incident"
	}
	next := i.revise()
	if _, own := b.incidents[i.ID]; !own {
		next = i.clone() // the Board below goes on with the other
	}
	to, why := b.foldIncident(next, c, r.Body)
	if why == "" && !lawful(i.Phase, r.Body.Kind(), to) {
		why = fmt.Sprintf("in phase %s it would lead to %s", i.Phase, to)
	}
	if why != "" {
		return why
	}
	b.enter(next, c.Position, to)
	b.incidents[next.ID] = next
	b.account(next, c, r.Body)
	return ""
}

// foldObserved changes the incident in place: it cannot be unlawful, and storms are made of it.
func (b *Board) foldObserved(position uint64, incident string, o *events.Observed) string {
	b.remember(position, incident, o)
	b.noteEnding(incident, o)
	if incident == "" {
		return ""
	}
	i, ok := b.change(incident)
	if !ok {
		return "no such incident"
	}
	b.enter(i, position, i.observe(o, b.symptoms.of(o)))
	return ""
}

func (b *Board) foldOpened(c events.Commit, r events.Record, o events.Opened) string {
	key := o.Target.Key()
	if o.Epoch != b.epoch(key)+1 || r.Incident != ID(o.Target, o.Epoch) {
		return fmt.Sprintf("epoch %d of %s does not follow epoch %d", o.Epoch, key, b.epoch(key))
	}
	if prev, ok := b.Latest(key); ok && prev.IsOpen() {
		return fmt.Sprintf("%s is still open", prev.ID)
	}
	i := &Incident{
		ID: r.Incident, Epoch: o.Epoch, Target: o.Target, Symptom: o.Symptom, Severity: o.Severity, Opened: b.Now, Alarmed: b.Now, Gathering: o.Gathering,
		Cycle: 1, Symptoms: map[string]Symptom{},
	}
	b.incidents[i.ID], b.latest[key], b.epochs[key], b.open[i.ID] = i, i.ID, o.Epoch, true
	b.enter(i, c.Position, Open)
	return ""
}

// ID is the identity of the epoch-th incident of a target.
func ID(t events.Target, epoch uint64) string { return fmt.Sprintf("%s-%d", t.Slug(), epoch) }

// enter moves an incident into a phase.
func (b *Board) enter(i *Incident, position uint64, to Phase) {
	i.note(position)
	if i.Phase == to {
		return
	}
	if to == Closed || to == Probation {
		b.freed = b.Now
	}
	b.moved++
	i.Phase, i.Changed = to, b.Now
	switch to {
	case Acting, Verifying, Confirming, Holding, Reverting, Stuck:
		b.begun[i.ID] = true
	default:
		delete(b.begun, i.ID)
	}
	if to == Closed {
		delete(b.open, i.ID)
		b.closed = append(b.closed, i.ID)
		if b.base == nil && len(b.closed) > maxClosed {
			b.forget(b.closed[0])
			b.closed = b.closed[1:]
		}
	}
}

// forget drops an ended incident; how many its target has had stays known.
func (b *Board) forget(id string) {
	if i, ok := b.incidents[id]; ok {
		if key := i.Target.Key(); b.latest[key] == id {
			delete(b.latest, key)
		}
		delete(b.incidents, id)
	}
}

// account keeps what rates and the breaker count.
func (b *Board) account(i *Incident, c events.Commit, body events.Body) {
	old := b.Now.Add(-history)
	switch body := body.(type) {
	case events.Admitted:
		if i.Live() {
			for len(b.admissions) > 0 && b.admissions[0].At.Before(old) {
				b.admissions = b.admissions[1:]
			}
			b.admissions = append(b.admissions, Admission{At: c.At, Scopes: body.Claims})
		}
	case events.Ruled:
		b.relate(i)
	case events.Verified:
		if !body.Pass {
			for len(b.failures) > 0 && b.failures[0].Before(old) {
				b.failures = b.failures[1:]
			}
			b.failures = append(b.failures, c.At)
		}
	}
}

// relate lets the lead of a cause know an incident that is decided together with it.
func (b *Board) relate(i *Incident) {
	if i.Cause == nil || i.Cause.Lead == i.ID {
		return
	}
	if lead, ok := b.Incident(i.Cause.Lead); !ok || slices.Contains(lead.Children, i.ID) || len(lead.Children) >= maxChildren {
		return
	}
	lead, _ := b.change(i.Cause.Lead)
	lead.Children = append(slices.Clone(lead.Children), i.ID)
}

// foldIncident changes i as the record says and returns the phase that follows, or why the record makes no sense.
func (b *Board) foldIncident(i *Incident, c events.Commit, body events.Body) (to Phase, why string) {
	to = i.Phase
	switch r := body.(type) {
	case events.Planned:
		return i.plan(r), ""
	case events.Ruled:
		return i.rule(r, c.At), ""
	case events.Asked:
		i.Ask, i.Terms, i.Asked, i.Approvals, i.Rejection, i.Lapsed, to = &r, i.terms(), c.At, nil, nil, false, Asking
	case events.Approved:
		if i.Ask == nil || r.Plan != i.Ask.Plan {
			return to, "it approves another plan"
		}
		i.Approvals, i.Decided = append(i.Approvals, r), c.At
	case events.Rejected:
		i.Rejection, i.Decided = &r, c.At
	case events.Lapsed:
		i.Lapsed = true
	case events.Admitted:
		if i.Plan == nil || r.Plan != i.Plan.Digest {
			return to, "it admits another plan"
		}
		i.Claims, to = r.Claims, Acting
	case events.Aborted:
		i.Abort = &r
	case events.Released:
		i.Release = &r
		i.outlast(c.At)
	case events.Intended, events.Applied, events.Refused, events.Unknown, events.Found:
		return i.act(c, r)
	case events.Verified:
		i.Verified = &r
		i.foresee(r.Facts.Prospect)
		if r.Pass && i.armed() {
			to = Confirming
		}
	case events.Confirmed:
		return to, i.confirm(c, r)
	case events.Held:
		i.Hold, to = &r, Holding
	case events.Renewed:
		if i.Hold == nil {
			return to, "nothing is held"
		}
		h := *i.Hold
		h.Until = r.Until
		i.Hold = &h
		i.foresee(r.Prospect)
	case events.Reverted:
		return i.reverted(r)
	case events.Relapsed:
		return i.relapse(b.Now, r)
	case events.Stuck:
		i.outlast(c.At)
		i.Trouble, i.Release, i.Abort, to = &r, nil, nil, Stuck
		i.Called = i.Called || ofBearing(r.Checks) >= 0
	case events.Closed:
		if i.Live() && i.Stands() && !(i.Abort != nil && i.Abort.AsIs) {
			return to, "changes still stand on routers"
		}
		i.End, i.Claims, to = &r, nil, Closed
	default:
		return to, "it does not belong to an incident"
	}
	return to, ""
}

func (i *Incident) observe(r *events.Observed, key string) Phase {
	i.Events++
	if i.Phase == Closed {
		return i.Phase
	}
	a := &r.Anomaly
	if s, known := i.Symptoms[key]; !known || !a.ObservedAt.Before(s.Observed) {
		i.noteSymptom(key, known, a)
	}
	if who := a.Labels[LabelAskedBy]; who != "" {
		i.AskedBy = who
	}
	if r.Disposition != events.DidEscalate {
		return i.Phase
	}
	i.Severity, i.Symptom = a.Severity, a.Kind
	if i.Phase == Waiting || i.Phase == Asking {
		return Open
	}
	return i.Phase
}

// noteSymptom keeps what a source says now.
func (i *Incident) noteSymptom(key string, known bool, a *events.Anomaly) {
	if known || i.makeRoom() {
		s := Symptom{Firing: a.State == events.Firing, Kind: a.Kind, Observed: a.ObservedAt, Since: a.ObservedAt}
		if was := i.Symptoms[key]; known && was.Firing == s.Firing {
			s.Since = was.Since
		}
		i.Symptoms[key] = s
	}
	if a.State == events.Firing {
		i.Value, i.Alarm = a.Value, *a
	}
}

// makeRoom forgets the symptom that has been over for longest when there is no room for another, and reports whether there
// is. One that fires is never forgotten: a link would be put back while a source still says that it is sick.
func (i *Incident) makeRoom() bool {
	if len(i.Symptoms) < maxSymptoms {
		return true
	}
	oldest := ""
	for k, s := range i.Symptoms {
		order := s.Observed.Compare(i.Symptoms[oldest].Observed)
		if !s.Firing && (oldest == "" || order < 0 || order == 0 && k < oldest) {
			oldest = k
		}
	}
	delete(i.Symptoms, oldest)
	return oldest != ""
}

// LabelAskedBy is the anomaly label that names the person who asked for a mitigation by publishing it; that person may
// not approve it.
const LabelAskedBy = "asked_by"

func (i *Incident) rule(r events.Ruled, at time.Time) Phase {
	i.Ruling = &r
	i.bears(r, at)
	switch i.Phase {
	case Open, Waiting, Asking:
		i.Cause, i.Gathering = r.Cause, nil
		if r.Verdict == events.Defer {
			return Waiting
		}
	}
	return i.Phase
}

func (i *Incident) plan(r events.Planned) Phase {
	if i.Plan == nil || i.Plan.Digest != r.Digest {
		i.Ask, i.Approvals = nil, nil
	}
	i.Plan, i.Foreseen = &r, nil
	i.Steps = make([][]ChangeState, len(r.Plan.Steps))
	for n, s := range r.Plan.Steps {
		i.Steps[n] = make([]ChangeState, len(s.Changes))
		for m := range i.Steps[n] {
			i.Steps[n][m].Seen = events.SeenBefore
		}
	}
	if i.Phase == Asking {
		return Open
	}
	return i.Phase
}

// relapse begins an incident anew: nothing of it stands.
func (i *Incident) relapse(at time.Time, r events.Relapsed) (Phase, string) {
	if i.Live() && i.Stands() {
		return i.Phase, "changes still stand on routers"
	}
	switch i.Phase {
	case Probation:
		i.Cycle++
		i.Alarmed, i.Cause = at, nil
	case Acting:
		i.Lost++
	}
	i.Steps, i.Intent, i.Refusal, i.Verified, i.Hold, i.Release, i.Ask, i.Approvals = nil, nil, nil, nil, nil, nil, nil, nil
	i.Watch, i.Outlasted, i.Unbearable, i.Called, i.Foreseen, i.Gathering = time.Time{}, time.Time{}, time.Time{}, false, nil, r.Gathering
	return Open, ""
}

func (i *Incident) armed() bool {
	for _, step := range i.Steps {
		for _, c := range step {
			if c.Armed {
				return true
			}
		}
	}
	return false
}

func (i *Incident) reverted(r events.Reverted) (Phase, string) {
	if i.Stands() {
		return i.Phase, "changes still stand on routers"
	}
	i.Watch, i.Claims = r.Probation, nil
	if r.Probation.IsZero() {
		return Reverting, ""
	}
	return Probation, ""
}

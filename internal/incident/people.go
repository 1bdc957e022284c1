package incident

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// Why an order of a person's is not taken. Each error says more; these are for exit codes and status codes.
var (
	ErrNotFound = errors.New("not found")
	ErrRefused  = errors.New("refused")

	// ErrUnsure says that nobody can tell whether an order is in force: its record was sent and not acknowledged, or acknowledged and
	// not read back.
	ErrUnsure = errors.New("not known to be in force")
	// ErrAside says that the replica that was asked carries out nothing, and another may.
	ErrAside = errors.New("this replica does not act")
)

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

func (b *Board) find(id string) (*Incident, error) {
	i, ok := b.Incident(id)
	if !ok {
		return nil, fmt.Errorf("incident %q: %w", id, ErrNotFound)
	}
	return i, nil
}

// Order is what a person asks of the Board: the records that carry it out at the Board's position, or why not.
type Order func(b *Board, now time.Time) ([]events.Record, error)

// Approve is a yes to exactly the plan with digest plan.
func Approve(id string, plan events.Digest, by events.Person) Order {
	return decide(id, plan, by, func(i *Incident) (events.Body, error) {
		if i.AskedBy != "" && i.AskedBy == by.Name {
			return nil, refuse("%s asked for %s and may not approve it; another approver must", by.Name, id)
		}
		if by.Account != "" && !i.Ask.ByClick {
			return nil, refuse("its rule takes more than a click to approve %s: sign in at the console, or with a token: detour approve %s --plan %s", id, id, i.Ask.Plan.Short())
		}
		for _, a := range i.Approvals {
			if a.By.Name == by.Name && a.Plan == plan {
				return nil, refuse("%s has approved %s already; %d different people are needed", by.Name, id, i.Ask.Quorum)
			}
		}
		return events.Approved{By: by, Plan: plan}, nil
	})
}

// Reject is a no; one is enough. An empty plan means the plan that is being asked about.
func Reject(id string, plan events.Digest, by events.Person, reason string) Order {
	return decide(id, plan, by, func(i *Incident) (events.Body, error) {
		return events.Rejected{By: by, Plan: i.Ask.Plan, Reason: reason}, nil
	})
}

func decide(id string, plan events.Digest, by events.Person, body func(*Incident) (events.Body, error)) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		i, err := b.find(id)
		if err != nil {
			return nil, err
		}
		switch {
		case i.Rejection != nil:
			return nil, refuse("%s was rejected by %s at %s", id, i.Rejection.By.Name, i.Decided.Format(time.RFC3339))
		case i.Lapsed:
			return nil, refuse("the request to approve %s lapsed at %s", id, i.Ask.Expires.Format(time.RFC3339))
		case i.Phase != Asking:
			return nil, refuse("%s is %s: nothing waits for approval%s", id, i.Phase, approvers(i))
		case i.Quorum():
			return nil, refuse("%s is decided%s; to stop it: detour abort %s", id, approvers(i), id)
		case !now.Before(i.Ask.Expires):
			return nil, refuse("the request to approve %s lapsed at %s", id, i.Ask.Expires.Format(time.RFC3339))
		case plan != "" && plan != i.Ask.Plan:
			return nil, refuse("plan %s is not the one that %s asks about (%s); look at it again", plan.Short(), id, i.Ask.Plan.Short())
		case !mayDecide(by, i.Ask.Roles):
			return nil, refuse("%s has none of the roles %v", by.Name, i.Ask.Roles)
		}
		r, err := body(i)
		if err != nil {
			return nil, err
		}
		return []events.Record{{Incident: id, Body: r}}, nil
	}
}

func approvers(i *Incident) string {
	if len(i.Approvals) == 0 {
		return ""
	}
	a := i.Approvals[len(i.Approvals)-1]
	return fmt.Sprintf(", it was approved by %s at %s", a.By.Name, i.Decided.Format(time.RFC3339))
}

func mayDecide(by events.Person, roles []string) bool {
	for _, have := range by.Role {
		for _, want := range roles {
			if have == want {
				return true
			}
		}
	}
	return false
}

// Abort stops an incident and takes back what was applied; asIs lets go of a stuck one and leaves the routers alone.
func Abort(id string, by events.Person, reason string, asIs bool) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		i, err := b.find(id)
		switch {
		case err != nil:
			return nil, err
		case !i.IsOpen():
			return nil, refuse("%s has ended as %s", id, i.End.Outcome)
		case i.Abort != nil:
			return nil, refuse("%s is being aborted already, by %s", id, i.Abort.By.Name)
		case asIs && i.Phase != Stuck:
			return nil, refuse("%s is %s: only a stuck incident can be left as it is", id, i.Phase)
		}
		return []events.Record{{Incident: id, Body: events.Aborted{By: by, Reason: reason, AsIs: asIs}}}, nil
	}
}

// Undrain takes a standing mitigation back now, whether or not the fault has cleared.
func Undrain(id string, by events.Person, reason string) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		i, err := b.find(id)
		switch {
		case err != nil:
			return nil, err
		case i.Phase != Holding && i.Phase != Stuck:
			return nil, refuse("%s is %s: only what is held or stuck can be undrained; abort stops the rest", id, i.Phase)
		case i.Release != nil:
			return nil, refuse("%s is being undrained already", id)
		}
		return []events.Record{{Incident: id, Body: events.Released{Why: reason, By: &by}}}, nil
	}
}

// Freeze stops every act that adds risk in scope.
func Freeze(scope events.Scope, by events.Person, reason string) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		if f, ok := b.freezes[scope]; ok {
			return nil, refuse("%s is frozen already by %s: %s", scope, f.By.Name, f.Reason)
		}
		return []events.Record{{Body: events.Frozen{Scope: scope, By: by, Reason: reason}}}, nil
	}
}

// Thaw ends the freeze of exactly scope.
func Thaw(scope events.Scope, by events.Person) Order {
	return func(b *Board, _ time.Time) ([]events.Record, error) {
		if _, ok := b.freezes[scope]; !ok {
			return nil, fmt.Errorf("freeze of %s: %w: %s", scope, ErrNotFound, b.frozenNow())
		}
		return []events.Record{{Body: events.Thawed{Scope: scope, By: by}}}, nil
	}
}

// frozenNow says what can be thawed.
func (b *Board) frozenNow() string {
	if len(b.freezes) == 0 {
		return "nothing is frozen"
	}
	var list []string
	for scope := range b.freezes {
		list = append(list, string(scope))
	}
	slices.Sort(list)
	if more := len(list) - maxNames; more > 0 {
		list = append(list[:maxNames], fmt.Sprintf("%d more", more))
	}
	return "frozen are " + strings.Join(list, ", ")
}

// BeginMaintenance opens a window in which plans in its scope are dry-run.
func BeginMaintenance(window events.MaintenanceBegun) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		if !window.Until.After(now) {
			return nil, refuse("the window would end at %s, which has passed", window.Until.Format(time.RFC3339))
		}
		if _, ok := b.windows[window.Window]; ok {
			return nil, refuse("window %s exists already", window.Window)
		}
		return []events.Record{{Body: window}}, nil
	}
}

// EndMaintenance closes a window before its time.
func EndMaintenance(window string, by events.Person) Order {
	return func(b *Board, now time.Time) ([]events.Record, error) {
		if _, ok := b.Windows(now)[window]; !ok {
			return nil, fmt.Errorf("maintenance window %q: %w", window, ErrNotFound)
		}
		return []events.Record{{Body: events.MaintenanceEnded{Window: window, By: by}}}, nil
	}
}

// foldWindow keeps the maintenance windows that people begin, and those that are over for as long as they are looked back on.
func (b *Board) foldWindow(body events.Body) string {
	switch w := body.(type) {
	case events.MaintenanceBegun:
		maps.DeleteFunc(b.windows, func(_ string, w events.MaintenanceBegun) bool { return w.Until.Before(b.Now.Add(-history)) })
		b.windows[w.Window] = w
	case events.MaintenanceEnded:
		delete(b.windows, w.Window)
	}
	return ""
}

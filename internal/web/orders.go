package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// submit hands an order to the worker and says in the log who ordered what and what came of it.
func (s *Server) submit(r *http.Request, who events.Person, what, about string, order incident.Order) (api.Done, error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.OrderWithin)
	defer cancel()
	commit, err := s.cfg.Orders.Submit(ctx, s.stillWithin(r, who, order))
	s.audit(r, who, what, about, commit.Position, err)
	return api.Done{Position: commit.Position, Digest: commit.Digest}, err
}

// order reads the request's body and hands over the order that make builds from it.
func order[T any](s *Server, r *http.Request, who events.Person, what string, make func(id string, body T) (incident.Order, error)) (api.Done, error) {
	if _, err := ask(r); err != nil {
		return api.Done{}, err
	}
	var body T
	if err := readJSON(r, &body); err != nil {
		return api.Done{}, err
	}
	id := r.PathValue("id")
	o, err := make(id, body)
	if err != nil {
		return api.Done{}, err
	}
	done, err := s.submit(r, who, what, id, o)
	done.Incident = id
	return done, err
}

func (s *Server) approve(r *http.Request, who events.Person) (any, error) {
	return order(s, r, who, "approve", func(id string, body api.Approve) (incident.Order, error) {
		if body.Plan == "" {
			return nil, invalid("plan is missing", "an approval is of exactly one plan: give the digest that detour incidents "+id+" shows")
		}
		return bound(id, body.Plan, func(plan events.Digest) incident.Order { return s.shownLately(r, id, incident.Approve(id, plan, who)) })
	})
}

func (s *Server) reject(r *http.Request, who events.Person) (any, error) {
	return order(s, r, who, "reject", func(id string, body api.Reject) (incident.Order, error) {
		if err := reasoned(body.Reason); err != nil {
			return nil, err
		}
		return bound(id, body.Plan, func(plan events.Digest) incident.Order { return incident.Reject(id, plan, who, body.Reason) })
	})
}

// How a digest may be shortened.
const (
	digestPrefix = "sha256:"
	digestDigits = 64
	minDigits    = 12
)

// bound reads which plan is meant and binds the order to it where the order is carried out. A shortened digest stands
// for the plan that is asked about if that begins so, and for no other.
func bound(id, given string, make func(events.Digest) incident.Order) (incident.Order, error) {
	if given == "" {
		return make(""), nil
	}
	digits := strings.ToLower(strings.TrimPrefix(given, digestPrefix))
	if len(digits) < minDigits || len(digits) > digestDigits || strings.Trim(digits, "0123456789abcdef") != "" {
		return nil, invalid(fmt.Sprintf("plan %q is not a digest", given), fmt.Sprintf("give the digest that detour incidents %s shows, or at least its first %d digits", id, minDigits))
	}
	return func(b *incident.Board, now time.Time) ([]events.Record, error) {
		plan := events.Digest(digestPrefix + digits)
		if i, ok := b.Incident(id); ok && i.Ask != nil && strings.HasPrefix(string(i.Ask.Plan), string(plan)) {
			plan = i.Ask.Plan
		}
		return make(plan)(b, now)
	}, nil
}

// maxReason bounds a reason, in bytes.
const maxReason = 1000

func reasoned(reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason {
		return invalid("reason is missing or too long", fmt.Sprintf("say why, in at most %d bytes: it stands on the record", maxReason))
	}
	return nil
}

func (s *Server) abort(r *http.Request, who events.Person) (any, error) {
	return order(s, r, who, "abort", func(id string, body api.Abort) (incident.Order, error) {
		return incident.Abort(id, who, body.Reason, body.AsIs), reasoned(body.Reason)
	})
}

func (s *Server) undrain(r *http.Request, who events.Person) (any, error) {
	return order(s, r, who, "undrain", func(id string, body api.Undrain) (incident.Order, error) {
		return incident.Undrain(id, who, body.Reason), reasoned(body.Reason)
	})
}

func scopeOf(text string) (events.Scope, error) {
	scope, err := events.ParseScope(text)
	if err != nil {
		return "", invalid(err.Error(), "for example site:den, device:den or link:den-kcy")
	}
	return scope, nil
}

func (s *Server) freeze(r *http.Request, who events.Person) (any, error) {
	return order(s, r, who, "freeze", func(_ string, body api.NewFreeze) (incident.Order, error) {
		scope, err := scopeOf(body.Scope)
		if err != nil {
			return nil, err
		}
		return incident.Freeze(scope, who, body.Reason), reasoned(body.Reason)
	})
}

func (s *Server) thaw(r *http.Request, who events.Person) (any, error) {
	q, err := ask(r, "scope")
	if err != nil {
		return nil, err
	}
	scope, err := scopeOf(q.Get("scope"))
	if err != nil {
		return nil, err
	}
	return s.submit(r, who, "thaw", string(scope), incident.Thaw(scope, who))
}

// maxWindow bounds a maintenance window, so that a slip of the pen does not leave a network in dry run for a year.
const maxWindow = 31 * 24 * time.Hour

func (s *Server) beginMaintenance(r *http.Request, who events.Person) (any, error) {
	window := "mw-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:10]
	done, err := order(s, r, who, "begin maintenance", func(_ string, body api.NewWindow) (incident.Order, error) {
		scope, err := scopeOf(body.Scope)
		if err != nil {
			return nil, err
		}
		if (body.For == 0) == body.Until.IsZero() {
			return nil, invalid("it must be said how long the window lasts", "give either for or until")
		}
		return func(b *incident.Board, now time.Time) ([]events.Record, error) {
			until := body.Until
			if until.IsZero() {
				until = now.Add(body.For.Std())
			}
			if until.Sub(now) > maxWindow {
				return nil, invalid("the window would last "+until.Sub(now).Round(time.Hour).String(), fmt.Sprintf("at most %s are taken", maxWindow))
			}
			w := events.MaintenanceBegun{Window: window, Scope: scope, Until: until.UTC(), By: who, Reason: body.Reason}
			return incident.BeginMaintenance(w)(b, now)
		}, reasoned(body.Reason)
	})
	done.Window = window
	return done, err
}

func (s *Server) endMaintenance(r *http.Request, who events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	window := r.PathValue("id")
	done, err := s.submit(r, who, "end maintenance", window, incident.EndMaintenance(window, who))
	done.Window = window
	return done, err
}

func (s *Server) prove(r *http.Request, who events.Person) (any, error) {
	return onRouter(s, r, who, "prove", s.cfg.Orders.Prove)
}

func (s *Server) tryReboot(r *http.Request, who events.Person) (any, error) {
	var body api.TryReboot
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	return onRouter(s, r, who, "try reboot", func(ctx context.Context, name string, by events.Person) (events.RebootTrial, error) {
		return s.cfg.Orders.TryReboot(ctx, name, by, body.Undo)
	})
}

// onRouter does what takes asking the router that the path names, unless the session that it was asked for in has ended meanwhile.
func onRouter[T any](s *Server, r *http.Request, who events.Person, what string, do func(ctx context.Context, name string, by events.Person) (T, error)) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if !slices.ContainsFunc(s.cfg.Network.Routers(), func(router api.Router) bool { return router.Name == name }) {
		return nil, fmt.Errorf("router %q: %w", name, incident.ErrNotFound)
	}
	now := s.cfg.Now()
	if err := view(s, func(b *incident.Board) error { return s.counts(r, who, b, now) }); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.ProveWithin)
	defer cancel()
	said, err := do(ctx, name, who)
	s.audit(r, who, what, name, 0, err)
	return said, err
}

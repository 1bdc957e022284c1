package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

func (s *Server) status(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	return s.cfg.Health.Status(), nil
}

// live is about the process alone: that it answers is the answer.
func (s *Server) live(w http.ResponseWriter, _ *http.Request, _ events.Person) error {
	return writeJSON(w, http.StatusOK, api.Ready{Ready: true, Checks: []api.Condition{{Name: "process", OK: true, Detail: "it answers"}}})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request, _ events.Person) error {
	ready := readiness(s.cfg.Health.Status())
	if s.cfg.Login != nil {
		away := s.cfg.Login.Away()
		detail := "people can sign in"
		if away != "" {
			detail = "nobody can sign in at the provider, tokens still work: " + away
		}
		ready.Checks = append(ready.Checks, api.Condition{Name: "login", OK: away == "", Detail: detail})
	}
	status := http.StatusOK
	if !ready.Ready {
		status = http.StatusServiceUnavailable
	}
	return writeJSON(w, status, ready)
}

// inForce is the policy in force, in words. A replica whose file cannot be used decides by the policy of before, and is ready.
func inForce(st api.Status) string {
	detail := "loaded, digest " + st.Policy.Short()
	if st.PolicyRefused != "" {
		detail += fmt.Sprintf("; what %s holds now is refused: %s", st.PolicyFrom, st.PolicyRefused)
	}
	return detail
}

func (s *Server) policies(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	return view(s, func(b *incident.Board) api.Policies {
		list := api.Policies{Position: b.Position, Replicas: []api.ReplicaPolicy{}}
		courses := b.Policies()
		for _, name := range slices.Sorted(maps.Keys(courses)) {
			c := courses[name]
			list.Replicas = append(list.Replicas, api.ReplicaPolicy{
				Replica: name, Policy: c.Loaded.Digest, Mode: c.Loaded.Mode, Source: c.Loaded.Source, Since: c.Since, Refused: c.Refused,
			})
		}
		return list
	}), nil
}

// ChatConnected is the Status.Chat when every chat is connected.
const ChatConnected = "connected"

// CheckpointsShipped is the Status.Checkpoints when every place has taken the newest that was due.
const CheckpointsShipped = "shipped"

// readiness says what holds and what does not.
func readiness(st api.Status) api.Ready {
	ready := api.Ready{Ready: true}
	check := func(name string, ok bool, good, bad string) {
		detail := good
		if !ok {
			detail, ready.Ready = bad, false
		}
		ready.Checks = append(ready.Checks, api.Condition{Name: name, OK: ok, Detail: detail})
	}
	check("bus", st.Connected, "connected", "not connected: trying again until it is")
	check("ledger", st.CaughtUp, fmt.Sprintf("followed to position %d", st.Position), fmt.Sprintf("being read, position %d so far", st.Position))
	check("record", st.Unwritten == "", "the ledger takes records", "the ledger takes none, so nothing is begun: "+st.Unwritten+"; see the log of the NATS server, and whether its disk is full: once it has room, restart that server, or this replica if the server is its own, since one that could not write takes nothing until then")
	check("policy", st.Policy != "", inForce(st), "none is loaded")
	check("acting", st.Halted == "", "mode "+string(st.Mode), st.Halted)
	if st.Chat != "" {
		detail := "connected"
		if st.Chat != ChatConnected {
			detail = "no button works in a chat that is away, decide at the console, the command line or by the API: " + st.Chat
		}
		ready.Checks = append(ready.Checks, api.Condition{Name: "chat", OK: st.Chat == ChatConnected, Detail: detail})
	}
	if st.Checkpoints != "" {
		detail := "shipped"
		if st.Checkpoints != CheckpointsShipped {
			detail = "what is changed in every copy of the ledger is not found by the newest checkpoint: " + st.Checkpoints
		}
		ready.Checks = append(ready.Checks, api.Condition{Name: "checkpoints", OK: st.Checkpoints == CheckpointsShipped, Detail: detail})
	}
	return ready
}

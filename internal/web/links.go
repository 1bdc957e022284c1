package web

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// linkPath is the console's page on which people link accounts of chats. What lets them do so stands behind the # of its
// address, which browsers send to nobody.
const linkPath = "/link"

// ticketLasts is for whoever has been told the address to go there and sign in.
const ticketLasts = 10 * time.Minute

// ticket lets whoever signs in link an account to themselves, once. The chat hands it to whoever has that account. It is kept
// by nobody; that it was used is on the ledger.
type ticket struct {
	events.ChatAccount
	Name  string    `json:"name"` // of the account, as the chat shows it
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

// Invite returns the address at which somebody links an account to themselves, whose name is what the chat shows of it. The
// error says that nobody can be sent to the console.
func (s *Server) Invite(account events.ChatAccount, name string) (string, error) {
	if s.cfg.URL == "" {
		return "", fmt.Errorf("the address of the console is not known")
	}
	sealed, err := s.tickets.Seal(ticket{ChatAccount: account, Name: name, ID: rand.Text(), Until: s.cfg.Now().Add(ticketLasts).UTC()})
	if err != nil {
		return "", err
	}
	return s.cfg.URL + linkPath + "#" + sealed, nil
}

func (s *Server) links(r *http.Request, _ events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	return view(s, func(b *incident.Board) api.Links {
		list := api.Links{Position: b.Position, Links: []api.Link{}}
		for _, l := range b.Links() {
			list.Links = append(list.Links, api.Link{Chat: l.Chat, Team: l.Team, Account: l.Account, Person: l.Person, At: l.At})
		}
		return list
	}), nil
}

// link links an account to whoever asks; without their confirmation it only says which.
func (s *Server) link(r *http.Request, who events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	var body api.NewLink
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	var t ticket
	if s.tickets.Open(body.Ticket, &t) != nil {
		return nil, invalid("this is no link that a chat was given here", "press a button in the chat again; replicas without a session_key in common do not know each other's")
	}
	done := api.LinkDone{Link: api.Link{Chat: t.Chat, Team: t.Team, Account: t.Account, Name: t.Name, Person: who.Name}}
	if !body.Confirm {
		return done, nil
	}
	if within := sessionOf(r.Context()); within != nil && s.cfg.Now().Sub(within.At) > s.cfg.Fresh {
		return nil, problem(api.ProblemSignIn, "linking an account takes a sign-in that is younger than "+s.cfg.Fresh.String(), "sign in again")
	}
	order := incident.LinkAccount(events.Linked{ChatAccount: t.ChatAccount, Person: who.Name, By: who, Ticket: t.ID, Until: t.Until})
	recorded, err := s.submit(r, who, "link", t.Account, order)
	done.Position = recorded.Position
	return done, err
}

// unlink takes a link back: one's own, or, for an admin, anybody's.
func (s *Server) unlink(r *http.Request, who events.Person) (any, error) {
	if _, err := ask(r); err != nil {
		return nil, err
	}
	a := events.ChatAccount{Chat: r.PathValue("chat"), Team: r.PathValue("team"), Account: r.PathValue("account")}
	another := s.needsAdmin(r, who, "that account is linked to somebody else", "whose it is or an admin can take it back")
	own := func(b *incident.Board, now time.Time) ([]events.Record, error) {
		if l, ok := b.LinkOf(a); ok && l.Person != who.Name && another != nil {
			return nil, another
		}
		return incident.UnlinkAccount(a, who)(b, now)
	}
	return s.submit(r, who, "unlink", a.Account, own)
}

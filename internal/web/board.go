package web

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/page"
)

// pageCSP lets the page load its own style and script, ask its own server, and nothing else.
const pageCSP = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// recent is how many ended incidents the page shows.
const recent = 10

// board shows the state of things to a browser.
func (s *Server) board(w http.ResponseWriter, _ *http.Request, _ events.Person) error {
	status, facts, now := s.cfg.Health.Status(), s.cfg.Network.Facts(), s.cfg.Now()
	v := view(s, func(b *incident.Board) page.View {
		v := page.View{Freezes: freezes(b), Windows: windows(b, now), Drains: drains(b, facts, s.cfg.Costs)}
		for _, i := range b.Open() {
			v.Open = append(v.Open, Summarize(b, i))
		}
		for n, i := range b.Closed() {
			if n == recent {
				break
			}
			v.Ended = append(v.Ended, Summarize(b, i))
		}
		return v
	})
	v.Status, v.Ready, v.At = status, readiness(status), now.UTC().Truncate(time.Second)
	return s.showPage(w, http.StatusOK, v)
}

// refusePage tells a person with a browser what the API tells a program.
func (s *Server) refusePage(w http.ResponseWriter, _ *http.Request, err error) {
	p := problemOf(err)
	if err := s.showPage(w, p.Status, page.View{Problem: p}); err != nil {
		s.log.Warn("the page was not shown", zap.Error(err))
	}
}

func (s *Server) showPage(w http.ResponseWriter, status int, v page.View) error {
	body, err := s.page.Render(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pageCSP)
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	http.ServeFileFS(w, r, page.Assets(), r.PathValue("file"))
	return nil
}

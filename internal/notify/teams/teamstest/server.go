// Package teamstest is a webhook that behaves over loopback as Microsoft's documentation says that a workflow's does: at a
// secret address it takes messages with one Adaptive Card of up to 28 KB with 202, and refuses the rest. It can be told to
// limit rates, to break, and to lose answers.
package teamstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Secret is part of the address.
const Secret = "sig=secret-of-the-webhook"

// Card is what was posted.
type Card struct {
	Lines  []string // of text, as it was written
	Markup []string // texts that Teams would read as markup
	Links  []string
}

// Trouble is what befalls one request.
type Trouble struct {
	RetryAfter time.Duration // answered with 429
	Status     int           // answered with this status
	Unheard    bool          // it is done, and the connection is cut before the answer
}

// Server is the webhook.
type Server struct {
	http *httptest.Server

	mu      sync.Mutex
	cards   []Card
	trouble []Trouble
	asked   int
}

// New starts a webhook that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	return s
}

// URL is the webhook's address.
func (s *Server) URL() string {
	return s.http.URL + "/workflows/1/triggers/manual/paths/invoke?" + Secret
}

// Trouble lets the next requests each meet one trouble.
func (s *Server) Trouble(list ...Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = append(s.trouble, list...)
}

// Cards returns what was posted, the oldest first.
func (s *Server) Cards() []Card {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cards)
}

// Asked counts the requests.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// ServeHTTP is what clients meet.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	var t Trouble
	if len(s.trouble) > 0 {
		t, s.trouble = s.trouble[0], s.trouble[1:]
	}
	code := http.StatusAccepted
	if t.RetryAfter == 0 && t.Status == 0 {
		code = s.take(r)
	}
	s.mu.Unlock()
	switch {
	case t.Unheard:
		panic(http.ErrAbortHandler)
	case t.RetryAfter > 0:
		w.Header().Set("Retry-After", fmt.Sprint(int(t.RetryAfter.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
	case t.Status != 0:
		w.WriteHeader(t.Status)
	default:
		w.WriteHeader(code)
	}
}

// content is a card as it comes, as far as it is looked at.
type content struct {
	Type    string    `json:"type"`
	Version string    `json:"version"`
	Body    []element `json:"body"`
	Actions []element `json:"actions"`
}

type element struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	URL     string `json:"url"`
	Title   string `json:"title"`
	Inlines []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"inlines"`
}

// take posts a card. It is called under the lock.
func (s *Server) take(r *http.Request) int {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	switch {
	case err != nil || r.Method != http.MethodPost || r.URL.RawQuery != Secret:
		return http.StatusUnauthorized
	case len(raw) > 28<<10:
		return http.StatusRequestEntityTooLarge
	}
	var m struct {
		Type        string `json:"type"`
		Attachments []struct {
			ContentType string  `json:"contentType"`
			Content     content `json:"content"`
		} `json:"attachments"`
	}
	if json.Unmarshal(raw, &m) != nil || m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		return http.StatusBadRequest
	}
	card, ok := m.Attachments[0].Content.read()
	if !ok {
		return http.StatusBadRequest
	}
	s.cards = append(s.cards, card)
	return http.StatusAccepted
}

func (c content) read() (card Card, ok bool) {
	if c.Type != "AdaptiveCard" || c.Version == "" || len(c.Body) == 0 {
		return card, false
	}
	for _, b := range c.Body {
		line := b.Text
		if b.Text != "" {
			card.Markup = append(card.Markup, b.Text)
		}
		for _, run := range b.Inlines {
			if b.Type != "RichTextBlock" || run.Type != "TextRun" || run.Text == "" {
				return card, false
			}
			line += run.Text
		}
		card.Lines = append(card.Lines, line)
	}
	for _, a := range c.Actions {
		if a.Type != "Action.OpenUrl" || a.Title == "" || !strings.HasPrefix(a.URL, "http") {
			return card, false
		}
		card.Links = append(card.Links, a.URL)
	}
	return card, true
}

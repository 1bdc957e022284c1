// Package pagerdutytest is an endpoint that behaves over loopback as PagerDuty's documentation says that its Events API v2
// does: it takes what fits its format and limits with 202, refuses the rest with 400, keeps one alert a deduplication key,
// drops what follows on none that is open, and calls somebody when an alert begins. It can be told to limit rates, to break,
// and to lose requests and answers.
package pagerdutytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// Key is the integration key of the one service.
const Key = "0123456789abcdef0123456789abcdef"

// maxBody is how much of an event PagerDuty takes, in bytes.
const maxBody = 512 << 10

// State is where an alert stands.
type State string

// The states.
const (
	Triggered    State = "triggered"
	Acknowledged State = "acknowledged"
	Resolved     State = "resolved"
)

// Alert is one, from its first event to the one that resolves it.
type Alert struct {
	Key      string
	State    State
	Severity string
	Summary  string
	Source   string
	Details  map[string]any
	Links    []string
	Events   int // that were taken for it
}

// Trouble is what befalls one request.
type Trouble struct {
	RetryAfter time.Duration   // answered with 429
	Status     int             // answered with this status
	Hold       <-chan struct{} // taken up when it is closed, whoever is still there then
	Lost       bool            // the connection is cut before anything is done
	Unheard    bool            // it is done, and the connection is cut before the answer
}

// Server is the endpoint.
type Server struct {
	http *httptest.Server

	mu      sync.Mutex
	alerts  []Alert
	trouble []Trouble
	taken   int // events
	asked   int // requests
}

// New starts an endpoint that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	return s
}

// URL is where it takes events.
func (s *Server) URL() string { return s.http.URL + "/v2/enqueue" }

// Trouble lets the next requests each meet one trouble.
func (s *Server) Trouble(list ...Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = append(s.trouble, list...)
}

// Mend takes away what trouble is left.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = nil
}

// Alerts returns every alert, the oldest first: each has called somebody when it began.
func (s *Server) Alerts() []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.alerts)
}

// Counts returns how many requests came, and how many events of them were taken.
func (s *Server) Counts() (asked, taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.taken
}

// Acknowledge is what a person does at PagerDuty, which tells nobody else.
func (s *Server) Acknowledge(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.open(key); a != nil {
		a.State = Acknowledged
	}
}

// event is what comes in, as far as it is looked at.
type event struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	Links      []struct {
		Href string `json:"href"`
	} `json:"links"`
	Payload *struct {
		Summary  string         `json:"summary"`
		Source   string         `json:"source"`
		Severity string         `json:"severity"`
		At       *time.Time     `json:"timestamp"`
		Details  map[string]any `json:"custom_details"`
	} `json:"payload"`
}

// ServeHTTP is what clients meet.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	s.mu.Lock()
	s.asked++
	var t Trouble
	if len(s.trouble) > 0 {
		t, s.trouble = s.trouble[0], s.trouble[1:]
	}
	if t.Hold != nil {
		s.mu.Unlock()
		<-t.Hold
		s.mu.Lock()
	}
	var errs []string
	if t.RetryAfter == 0 && t.Status == 0 && !t.Lost {
		errs = s.enqueue(r, body, err)
	}
	s.mu.Unlock()
	switch {
	case t.Lost, t.Unheard:
		panic(http.ErrAbortHandler)
	case t.RetryAfter > 0:
		w.Header().Set("Retry-After", fmt.Sprint(int(t.RetryAfter.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
	case t.Status != 0:
		w.WriteHeader(t.Status)
	case errs != nil:
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "invalid event", "errors": errs})
	default:
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success"})
	}
}

// enqueue takes one event, or says what is wrong with it. It is called under the lock.
func (s *Server) enqueue(r *http.Request, body []byte, err error) (errs []string) {
	var e event
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" || json.Unmarshal(body, &e) != nil {
		return []string{"the request is no event"}
	}
	if e.RoutingKey != Key {
		errs = append(errs, "'routing_key' is invalid")
	}
	if utf8.RuneCountInString(e.DedupKey) > 255 {
		errs = append(errs, "'dedup_key' is too long")
	}
	switch p := e.Payload; e.Action {
	case "trigger":
		if p == nil || p.Summary == "" || utf8.RuneCountInString(p.Summary) > 1024 || p.Source == "" || !slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity) {
			errs = append(errs, "'payload' is missing or invalid")
		}
	case "acknowledge", "resolve":
		if e.DedupKey == "" {
			errs = append(errs, "'dedup_key' is missing")
		}
	default:
		errs = append(errs, "'event_action' is invalid")
	}
	if errs == nil {
		s.taken++
		s.apply(e)
	}
	return errs
}

func (s *Server) apply(e event) {
	a := s.open(e.DedupKey)
	switch {
	case a == nil && e.Action != "trigger":
		return // dropped
	case a == nil:
		s.alerts = append(s.alerts, Alert{Key: e.DedupKey, State: Triggered})
		a = &s.alerts[len(s.alerts)-1]
	case e.Action == "acknowledge":
		a.State = Acknowledged
	case e.Action == "resolve":
		a.State = Resolved
	}
	a.Events++
	if p := e.Payload; p != nil {
		a.Severity, a.Summary, a.Source, a.Details, a.Links = p.Severity, p.Summary, p.Source, p.Details, nil
		for _, l := range e.Links {
			a.Links = append(a.Links, l.Href)
		}
	}
}

// open is the alert of a key that is not resolved, if there is one.
func (s *Server) open(key string) *Alert {
	for n := range s.alerts {
		if s.alerts[n].Key == key && s.alerts[n].State != Resolved {
			return &s.alerts[n]
		}
	}
	return nil
}

package slacktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the server knows.
const (
	AppToken = "xapp-1-A1-secret-of-the-app"
	BotToken = "xoxb-secret-of-the-bot"
	Channel  = "C0NOC"
	Team     = "T1"
	bot      = "UBOT"

	Elsewhere = "C0ELSE" // a channel in which the bot is not
)

// User is an account, as users.info tells.
type User struct {
	ID             string `json:"id"`
	TeamID         string `json:"team_id"`
	Name           string `json:"name"`
	Deleted        bool   `json:"deleted"`
	Restricted     bool   `json:"is_restricted"`
	SingleChannel  bool   `json:"is_ultra_restricted"`
	Stranger       bool   `json:"is_stranger"`
	Bot            bool   `json:"is_bot"`
	EmailConfirmed bool   `json:"is_email_confirmed"`
}

// Message is what stands in the channel.
type Message struct {
	TS       string          `json:"ts"`
	Thread   string          `json:"thread_ts,omitempty"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Edits    int             `json:"-"` // how often it was changed
	OnlyFor  string          `json:"-"` // the account that alone sees it
}

// Server is a workspace with one channel.
type Server struct {
	http *httptest.Server

	mu       sync.Mutex
	messages []Message
	users    map[string]User
	clock    int // of message ids
	calls    map[string]int
	trouble  map[string][]Trouble
	tickets  map[string]bool // issued; true: used
	sockets  []*socket
	ids      int

	requestURL string            // where presses are sent by HTTP; "": over a connection
	triggers   map[string]string // not used yet, and whose press it came of
	views      []View
	responses  map[string]response
}

// New starts a server that ends with the test. Its channel is empty.
func New(t testing.TB) *Server {
	s := &Server{users: map[string]User{}, calls: map[string]int{}, trouble: map[string][]Trouble{}, tickets: map[string]bool{}, triggers: map[string]string{}, responses: map[string]response{}}
	s.http = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Disconnect()
		s.http.Close()
	})
	return s
}

// URL is what clients take for the Web API.
func (s *Server) URL() string { return s.http.URL + "/api/" }

// Join adds accounts, or changes them: members of the workspace with a confirmed address, unless as changes that.
func (s *Server) Join(as func(*User), ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		u := User{ID: id, TeamID: Team, Name: strings.ToLower(id), EmailConfirmed: true}
		if as != nil {
			as(&u)
		}
		s.users[id] = u
	}
}

// Trouble is what befalls one request.
type Trouble struct {
	RetryAfter time.Duration   // answered with 429
	Hold       <-chan struct{} // taken up when it is closed
	Error      string          // answered with this error
	Lost       bool            // the connection is cut before anything is done
	Unheard    bool            // it is done, and the connection is cut before the answer
}

// Trouble lets the next requests to a method each meet one trouble.
func (s *Server) Trouble(method string, list ...Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble[method] = append(s.trouble[method], list...)
}

// Mend takes away what trouble is left.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.trouble)
}

// Calls counts the requests to a method that were carried out.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Messages returns what stands in the channel and in its threads, and what was whispered, in the order of posting.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Threads returns the messages that are no replies and that everybody sees.
func (s *Server) Threads() []Message {
	return slices.DeleteFunc(s.Messages(), func(m Message) bool { return m.Thread != "" || m.OnlyFor != "" })
}

// Whispers returns what an account alone was told, oldest first.
func (s *Server) Whispers(account string) (texts []string) {
	for _, m := range s.Messages() {
		if m.OnlyFor == account {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// Delete takes a message out of the channel, as a person could.
func (s *Server) Delete(ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m Message) bool { return m.TS == ts })
}

// ServeHTTP is what clients meet.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/link/" {
		s.link(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/response/") {
		s.respond(w, r)
		return
	}
	method, ok := strings.CutPrefix(r.URL.Path, "/api/")
	do := s.methods()[method]
	if !ok || do == nil || r.Method != http.MethodPost && r.Method != http.MethodGet {
		answer(w, nil, "unknown_method")
		return
	}
	if err := r.ParseForm(); err != nil {
		answer(w, nil, "invalid_form_data")
		return
	}
	if why := badToken(method, r); why != "" {
		answer(w, nil, why)
		return
	}
	s.mu.Lock()
	var t Trouble
	if list := s.trouble[method]; len(list) > 0 {
		t, s.trouble[method] = list[0], list[1:]
	}
	s.mu.Unlock()
	if t.Hold != nil {
		<-t.Hold
	}
	var body map[string]any
	why := t.Error
	s.mu.Lock()
	if t.RetryAfter == 0 && why == "" && !t.Lost {
		s.calls[method]++
		body, why = do(r)
	}
	s.mu.Unlock()
	switch {
	case t.Lost, t.Unheard:
		panic(http.ErrAbortHandler)
	case t.RetryAfter > 0:
		w.Header().Set("Retry-After", fmt.Sprint(int(t.RetryAfter.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
	default:
		answer(w, body, why)
	}
}

// badToken refuses a request without the token that its method takes.
func badToken(method string, r *http.Request) string {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = r.PostForm.Get("token")
	}
	want := BotToken
	if method == "apps.connections.open" {
		want = AppToken
	}
	switch token {
	case want:
		return ""
	case "":
		return "not_authed"
	case AppToken, BotToken:
		return "not_allowed_token_type"
	}
	return "invalid_auth"
}

func answer(w http.ResponseWriter, body map[string]any, why string) {
	all := map[string]any{"ok": why == ""}
	if why != "" {
		all["error"] = why
	}
	maps.Copy(all, body)
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(raw)
}

package slacktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// What Slack's documentation says of Socket Mode. It gives three seconds for an acknowledgement; here a busy machine gets more.
const (
	maxSockets = 10
	ackWithin  = 10 * time.Second
	pingEvery  = time.Second // Slack's own pings come every few seconds
)

// socket is one connection.
type socket struct {
	conn *websocket.Conn
	mu   sync.Mutex // writes
	acks map[string]chan struct{}
	gone chan struct{}
}

// openConnection issues a ticket that opens one connection, once.
func (s *Server) openConnection(*http.Request) (map[string]any, string) {
	ticket := s.id("ticket")
	s.tickets[ticket] = false
	return map[string]any{"url": "ws" + strings.TrimPrefix(s.http.URL, "http") + "/link/?ticket=" + ticket + "&app_id=A1"}, ""
}

// id is a new one of some kind. It is called under the lock.
func (s *Server) id(kind string) string {
	s.ids++
	return fmt.Sprintf("%s-%d", kind, s.ids)
}

func (s *Server) link(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	used, issued := s.tickets[ticket]
	s.tickets[ticket] = true
	s.mu.Unlock()
	if !issued || used {
		http.Error(w, "bad ticket", http.StatusForbidden)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	k := &socket{conn: conn, acks: map[string]chan struct{}{}, gone: make(chan struct{})}
	s.mu.Lock()
	open := len(s.sockets)
	if open < maxSockets {
		s.sockets = append(s.sockets, k)
	}
	s.mu.Unlock()
	if open >= maxSockets {
		_ = k.send(map[string]any{"type": "disconnect", "reason": "too_many_websockets"})
		_ = conn.Close()
		return
	}
	_ = k.send(map[string]any{
		"type": "hello", "num_connections": open + 1, "connection_info": map[string]any{"app_id": "A1"},
		"debug_info": map[string]any{"host": "applink-test", "build_number": 1, "approximate_connection_time": 18060},
	})
	go k.ping()
	k.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(s.sockets, func(other *socket) bool { return other == k })
}

func (k *socket) send(v any) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.conn.WriteJSON(v)
}

// ping keeps asking, and hangs up on whoever does not answer.
func (k *socket) ping() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		if k.conn.WriteControl(websocket.PingMessage, []byte("Ping from applink-test"), time.Now().Add(pingEvery)) != nil {
			return
		}
		select {
		case <-k.gone:
			return
		case <-tick.C:
		}
	}
}

// read takes acknowledgements until the connection ends.
func (k *socket) read() {
	defer close(k.gone)
	heard := func() error { return k.conn.SetReadDeadline(time.Now().Add(10 * pingEvery)) }
	k.conn.SetPongHandler(func(string) error { return heard() })
	for heard() == nil {
		_, raw, err := k.conn.ReadMessage()
		if err != nil {
			return
		}
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if json.Unmarshal(raw, &ack) != nil {
			return
		}
		k.mu.Lock()
		if waiting := k.acks[ack.EnvelopeID]; waiting != nil {
			close(waiting)
			delete(k.acks, ack.EnvelopeID)
		}
		k.mu.Unlock()
	}
}

// ErrNotAcknowledged is what Slack shows as a warning beside the button.
var ErrNotAcknowledged = errors.New("not acknowledged in time")

// delivery is something that is sent to the app.
type delivery struct {
	kind    string // of its envelope
	payload any
	media   string // of a request with it
	body    []byte
}

// interact delivers what was pressed or filled in.
func (s *Server) interact(n int, payload any) error {
	body, err := Body(payload)
	if err != nil {
		return err
	}
	return s.deliver(n, delivery{"interactive", payload, mediaForm, body})
}

// deliver sends something to where the app takes it, and waits for the acknowledgement.
func (s *Server) deliver(n int, d delivery) error {
	s.mu.Lock()
	url := s.requestURL
	s.mu.Unlock()
	if url != "" {
		_, err := s.request(url, d)
		return err
	}
	return s.envelope(n, d)
}

// envelope sends it over the n-th connection, counted from the newest.
func (s *Server) envelope(n int, d delivery) error {
	s.mu.Lock()
	if len(s.sockets) == 0 {
		s.mu.Unlock()
		return errors.New("no connection is open")
	}
	k := s.sockets[len(s.sockets)-1-n%len(s.sockets)]
	id := s.id("envelope")
	s.mu.Unlock()
	acked := make(chan struct{})
	k.mu.Lock()
	k.acks[id] = acked
	k.mu.Unlock()
	if err := k.send(map[string]any{"type": d.kind, "envelope_id": id, "payload": d.payload, "accepts_response_payload": d.kind != "events_api"}); err != nil {
		return fmt.Errorf("send to the app: %w", err)
	}
	patience := time.NewTimer(ackWithin)
	defer patience.Stop()
	select {
	case <-acked:
		return nil
	case <-k.gone:
		return errors.New("the connection ended before the acknowledgement")
	case <-patience.C:
		return ErrNotAcknowledged
	}
}

// Connections returns how many connections are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}

// Refresh asks every connection to be made anew, as Slack does every few hours.
func (s *Server) Refresh() {
	for _, k := range s.open() {
		_ = k.send(map[string]any{"type": "disconnect", "reason": "refresh_requested", "debug_info": map[string]any{"host": "applink-test"}})
	}
}

// Disconnect cuts every connection without a word.
func (s *Server) Disconnect() {
	for _, k := range s.open() {
		_ = k.conn.NetConn().Close()
	}
}

func (s *Server) open() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sockets)
}

// Dial opens a connection without any manners, and returns the first message that comes over it.
func Dial(ctx context.Context, url string) (string, error) {
	conn, resp, err := websocket.DefaultDialer.DialContext(ctx, url, nil)
	if err != nil {
		return "", fmt.Errorf("dial: %w", err)
	}
	defer conn.Close()
	defer resp.Body.Close()
	_, raw, err := conn.ReadMessage()
	return string(raw), err
}

package chatops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// wall is a room that keeps what is posted, and people who can be whispered to.
type wall struct {
	mu       sync.Mutex
	messages []posted
	members  map[string]Member
	whispers map[string][]string
	forms    map[string]asking
	calls    map[string]int
	trouble  func(call string) (err error, done bool) // by hinder, or by itself; nil: none
}

type posted struct {
	id, thread, key string
	card            Card
}

func (w *wall) call(name string) (err error, done bool) {
	if w.calls == nil {
		w.calls, w.whispers, w.forms = map[string]int{}, map[string][]string{}, map[string]asking{}
	}
	w.calls[name]++
	if w.trouble == nil {
		return nil, true
	}
	return w.trouble(name)
}

// hinder has calls end as f says from now on.
func (w *wall) hinder(f func(call string) (err error, done bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = f
}

// made is how often a call was made.
func (w *wall) made(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[name]
}

func (w *wall) Post(_ context.Context, thread Place, key string, c Card) (Place, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err, done := w.call("post")
	if err != nil && !done {
		return Place{}, err
	}
	if thread.Message != "" && !slices.ContainsFunc(w.messages, func(m posted) bool { return m.id == thread.Message }) {
		return Place{}, fmt.Errorf("post: %w", ErrGone)
	}
	m := posted{id: fmt.Sprintf("m%d", len(w.messages)+1), thread: thread.Message, key: key, card: c}
	w.messages = append(w.messages, m)
	return Place{Channel: "C1", Message: m.id, Link: "https://chat/" + m.id}, err
}

func (w *wall) Update(_ context.Context, at Place, key string, c Card) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err, _ := w.call("update"); err != nil {
		return err
	}
	n := slices.IndexFunc(w.messages, func(m posted) bool { return m.id == at.Message })
	if n < 0 {
		return fmt.Errorf("update: %w", ErrGone)
	}
	w.messages[n].card, w.messages[n].key = c, key
	return nil
}

func (w *wall) Find(_ context.Context, thread Place, key string) (Place, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err, _ := w.call("find"); err != nil {
		return Place{}, false, err
	}
	for _, m := range w.messages {
		if m.key == key && m.thread == thread.Message {
			return Place{Channel: "C1", Message: m.id, Link: "https://chat/" + m.id}, true, nil
		}
	}
	return Place{}, false, nil
}

// member has the chat say this of an account from now on.
func (w *wall) member(account string, m Member) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members[account] = m
}

// leave has the chat know an account no more.
func (w *wall) leave(account string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.members, account)
}

func (w *wall) Member(_ context.Context, account string) (Member, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err, _ := w.call("member"); err != nil {
		return Member{}, err
	}
	m, ok := w.members[account]
	if !ok {
		return m, errors.New("user_not_found")
	}
	return m, nil
}

func (w *wall) Whisper(_ context.Context, account string, _ Place, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err, _ := w.call("whisper")
	w.whispers[account] = append(w.whispers[account], text)
	return err
}

// asking is a form before an account.
type asking struct {
	press Press
	form  Form
}

func (w *wall) Ask(_ context.Context, p Press, f Form) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err, _ := w.call("ask"); err != nil {
		return err
	}
	w.forms[p.Account] = asking{p, f}
	return nil
}

// form is the one before an account, which is then gone.
func (w *wall) form(account string) (Press, Form, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.forms[account]
	delete(w.forms, account)
	return a.press, a.form, ok
}

// heard is what an account was last told.
func (w *wall) heard(account string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if list := w.whispers[account]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// whispered is how often an account was told something.
func (w *wall) whispered(account string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.whispers[account])
}

func (w *wall) read(id string) (posted, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		if m.id == id {
			return m, true
		}
	}
	return posted{}, false
}

// threads are the cards, replies the notices of all threads, as texts.
func (w *wall) threads() (list []posted) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		if m.thread == "" {
			list = append(list, m)
		}
	}
	return list
}

func (w *wall) replies() (list []posted) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		if m.thread != "" {
			list = append(list, m)
		}
	}
	return list
}

// text is everything that a message says.
func (p posted) text() string {
	lines := []string{p.card.Title}
	for _, part := range p.card.Parts {
		lines = append(append(lines, part.Label+":"), part.Lines...)
	}
	return strings.Join(lines, "\n")
}

func (p posted) acts() (list []Act) {
	for _, b := range p.card.Buttons {
		list = append(list, b.Act)
	}
	return list
}

package roomtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/detour-net/detour/internal/chatops"
)

// Chat is a chat with one channel, and what can be done to it from outside.
type Chat struct {
	Name    string // on the record
	Room    chatops.Room
	Members chatops.Members

	Start    func(press func(context.Context, chatops.Press))                 // presses are handed on from now until the test ends
	Join     func(name string, as chatops.Member) (account string)            // adds an account, or changes it
	Messages func() []Message                                                 // that everybody sees, oldest first
	Whispers func(name string) []string                                       // what an account alone was told
	Press    func(name, message string, act chatops.Act) error                // as a person does, who says yes if asked whether it counts
	Again    func(name, message string, act chatops.Act) error                // the same, and it is delivered twice
	Fill     func(name, message string, act chatops.Act, reason string) error // presses, and sends the form that comes
	Type     func(name, text string) error                                    // as a command of the chat's
	Send     func(name, reason string) error                                  // the newest form, with the first of each choice
	Delete   func(message string)
	Post     func(Trouble) // befalls the next message
}

// Message is what stands in the channel.
type Message struct {
	ID, Thread string
	Shown      string   // as people read it
	Markup     string   // what the chat would interpret, without headings and mentions of our own making
	Buttons    []string // acts
}

// Trouble is what befalls a request.
type Trouble int

// The troubles.
const (
	Limited Trouble = iota // to be tried again after 30 s
	Refused                // and certainly not done
	Broken                 // the chat says that something in it broke
	Lost                   // before anything was done
	Unheard                // it is done, and the answer is lost
)

// Run holds what open makes against the contract. Each call of open makes another chat, which ends with its test.
func Run(t *testing.T, open func(t *testing.T) Chat) {
	for name, test := range map[string]func(*testing.T, Chat){
		"messages": messages, "members": members, "troubles": troubles, "hostile texts": hostile, "presses": presses, "a desk": desk, "late decisions": lateDecisions, "commands": commands,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func card(account string) chatops.Card {
	return chatops.Card{
		Title: "den-kcy-1: link-errors", Call: []string{account},
		Parts: []chatops.Part{{Label: "plan", Lines: []string{"drain link den-kcy", "digest 0123456789ab"}}},
		Buttons: []chatops.Button{
			{Act: chatops.Approve, Label: "Approve", Value: "key sha256:01", Confirm: "drain?"}, {Act: chatops.Why, Label: "Why not", Value: "key sha256:01"},
		},
	}
}

// messages posts, finds, changes and loses a card and a reply.
func messages(t *testing.T, c Chat) {
	ctx := t.Context()
	ann := c.Join("ann", chatops.Member{})
	at, err := c.Room.Post(ctx, chatops.Place{}, "key", card(ann))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(at.Link, "://") || at.Channel == "" || at.Message == "" {
		t.Errorf("posted at %+v", at)
	}
	m := c.Messages()[0]
	for _, want := range []string{"den-kcy-1: link-errors", "plan", "drain link den-kcy\ndigest 0123456789ab"} {
		if !strings.Contains(m.Shown, want) {
			t.Errorf("it does not show %q: %q", want, m.Shown)
		}
	}
	if diff := cmp.Diff([]string{"approve", "why"}, m.Buttons); diff != "" {
		t.Errorf("buttons (-want +got):\n%s", diff)
	}
	note, err := c.Room.Post(ctx, at, "key 2", chatops.Card{Title: "A decision is needed."})
	if list := c.Messages(); err != nil || len(list) != 2 || list[1].Thread != at.Message {
		t.Errorf("a reply: %+v %v", list, err)
	}
	find := func(thread chatops.Place, key string, want chatops.Place) {
		t.Helper()
		if got, ok, err := c.Room.Find(ctx, thread, key); got != want || ok != (want != chatops.Place{}) || err != nil {
			t.Errorf("find %q in %q: %+v %t %v, want %+v", key, thread.Message, got, ok, err, want)
		}
	}
	find(chatops.Place{}, "key", at)
	find(at, "key 2", note)
	find(chatops.Place{}, "key 2", chatops.Place{})
	find(at, "key 3", chatops.Place{})
	decided := card(ann)
	decided.Call, decided.Buttons = nil, nil
	if err := c.Room.Update(ctx, at, "key", decided); err != nil {
		t.Fatal(err)
	}
	if m = c.Messages()[0]; len(m.Buttons) > 0 || !strings.Contains(m.Shown, "drain link den-kcy") {
		t.Errorf("after the change: %+v", m)
	}
	find(chatops.Place{}, "key", at)
	if err := c.Members.Whisper(ctx, ann, at, "Recorded. <&>"); err != nil || len(c.Whispers("ann")) != 1 {
		t.Errorf("whispered %q %v", c.Whispers("ann"), err)
	}
	c.Delete(at.Message)
	if err := c.Room.Update(ctx, at, "key", decided); !errors.Is(err, chatops.ErrGone) {
		t.Errorf("change what is deleted: %v", err)
	}
	if _, err := c.Room.Post(ctx, at, "key 4", chatops.Card{Title: "A decision is needed."}); !errors.Is(err, chatops.ErrGone) {
		t.Errorf("a reply to what is deleted: %v", err)
	}
	if _, found, err := c.Room.Find(ctx, at, "key 2"); found || !errors.Is(err, chatops.ErrGone) {
		t.Errorf("look in what is deleted: %t %v", found, err)
	}
	find(chatops.Place{}, "key", chatops.Place{})
}

// members asks about every sort of account.
func members(t *testing.T, c Chat) {
	for name, want := range map[string]chatops.Member{
		"ann": {}, "gone": {Deleted: true}, "guest": {Guest: true}, "stranger": {Stranger: true}, "robot": {Bot: true},
	} {
		got, err := c.Members.Member(t.Context(), c.Join(name, want))
		if got.Team == "" {
			t.Errorf("%s belongs nowhere", name)
		}
		got.Name, got.Team = "", ""
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, nobody := range []string{"nobody", "", "../users/me", strings.Repeat("x", 26)} {
		if _, err := c.Members.Member(t.Context(), nobody); err == nil {
			t.Errorf("%q is somebody", nobody)
		}
	}
}

// troubles tells what was certainly not done from what may have been.
func troubles(t *testing.T, c Chat) {
	for _, f := range []struct {
		name    string
		trouble Trouble
		refused bool
		after   time.Duration
		stand   int
	}{
		{"limited", Limited, true, 30 * time.Second, 0}, {"refused", Refused, true, 0, 0}, {"broken", Broken, false, 0, 0},
		{"lost", Lost, false, 0, 0}, {"unheard", Unheard, false, 0, 1},
	} {
		c.Post(f.trouble)
		_, err := c.Room.Post(t.Context(), chatops.Place{}, f.name, chatops.Card{Title: f.name})
		var no *chatops.Refusal
		if err == nil || errors.As(err, &no) != f.refused || no != nil && no.After != f.after {
			t.Errorf("%s: %v", f.name, err)
		}
		if _, found, err := c.Room.Find(t.Context(), chatops.Place{}, f.name); found != (f.stand == 1) || err != nil {
			t.Errorf("%s: found %t %v", f.name, found, err)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	var no *chatops.Refusal
	if _, err := c.Room.Post(over, chatops.Place{}, "over", chatops.Card{Title: "over"}); err == nil || errors.As(err, &no) {
		t.Errorf("out of time: %v", err)
	}
}

// hostile posts what a chat would read as markup, and more than it takes: all of it is letters, and it fits.
func hostile(t *testing.T, c Chat) {
	const evil = "<!channel> @all @channel <@U1> [click](https://evil.example) https://evil.example *b* _i_ ~s~ `c` ``` ### | & &lt; :fire: $x$ #tag \\"
	long := strings.Repeat("<&>`@", 300)
	many := slices.Repeat([]string{long}, 12)
	for name, shown := range map[string]chatops.Card{
		"markup":      {Title: evil, Parts: []chatops.Part{{Label: "plan", Lines: []string{evil, "```", evil}}}, Buttons: []chatops.Button{{Act: chatops.Freeze, Label: "Freeze", Value: "k", Confirm: evil}}},
		"long":        {Title: long, Parts: []chatops.Part{{Label: "checks", Lines: []string{long, long, long}}}, Buttons: []chatops.Button{{Act: chatops.Freeze, Label: "Freeze", Value: "k", Confirm: long}}},
		"many":        {Title: "t", Parts: []chatops.Part{{Label: "a", Lines: strings.Split(strings.Repeat("x", 100), "")}, {Label: "b", Lines: many}, {Label: "c", Lines: []string{"last"}}}},
		"notice":      {Title: evil},
		"long notice": {Title: long},
	} {
		if _, err := c.Room.Post(t.Context(), chatops.Place{}, name, shown); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		list := c.Messages()
		m := list[len(list)-1]
		if strings.ContainsAny(m.Markup, "<>&`@[]#:\\") {
			t.Errorf("%s: markup %q", name, m.Markup)
		}
		if len([]rune(m.Shown)) > 16_000 {
			t.Errorf("%s: %d characters", name, len(m.Shown))
		}
		if (name == "markup" || name == "notice") && !strings.Contains(m.Shown, "[click](https://evil.example)") {
			t.Errorf("%s: it is not to be read: %q", name, m.Shown)
		}
	}
}

// presses arrive as they were pressed, and one that is delivered twice has one id.
func presses(t *testing.T, c Chat) {
	arrived := make(chan chatops.Press, 10)
	c.Start(func(_ context.Context, p chatops.Press) { arrived <- p })
	ann := c.Join("ann", chatops.Member{})
	at, err := c.Room.Post(t.Context(), chatops.Place{}, "key", card(ann))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Again("ann", at.Message, chatops.Why); err != nil {
		t.Fatal(err)
	}
	first, second := <-arrived, <-arrived
	first.Trigger, second.Trigger = "", ""
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("delivered again (-first +second):\n%s", diff)
	}
	want := chatops.Press{ID: first.ID, Account: ann, Channel: at.Channel, Message: at.Message, Act: chatops.Why, Value: "key sha256:01", At: first.At}
	if diff := cmp.Diff(want, first); diff != "" || first.ID == "" || time.Since(first.At).Abs() > time.Minute {
		t.Errorf("press at %s (-want +got):\n%s", first.At, diff)
	}
	if err := c.Press("ann", at.Message, chatops.Approve); err != nil {
		t.Fatal(err)
	}
	if p := <-arrived; p.Act != chatops.Approve || p.Account != ann || p.Message != at.Message || p.ID == first.ID || p.Answer != nil {
		t.Errorf("%+v", p)
	}
	if err := c.Press("ann", at.Message, chatops.Abort); err == nil {
		t.Error("a button that is not there was pressed")
	}
}

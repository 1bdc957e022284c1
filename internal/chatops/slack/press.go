package slack

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/chatops"
)

// maxPresses are judged at once; more are not acknowledged, and Slack shows so to whoever pressed.
const maxPresses = 32

// intake takes what is pressed, whichever way it comes.
type intake struct {
	log  *zap.Logger
	room chan struct{}

	mu      sync.Mutex
	ended   bool
	judging sync.WaitGroup
}

func newIntake(log *zap.Logger) *intake {
	return &intake{log: log, room: make(chan struct{}, maxPresses)}
}

// take has what was heard judged, to its end also when its sender has gone. The channel is closed when that is done; it is nil
// if there is no room.
func (in *intake) take(ctx context.Context, list []heard, press func(context.Context, chatops.Press)) (judged <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return nil
	}
	select {
	case in.room <- struct{}{}:
	default:
		in.log.Warn("too many presses at once; what was sent is not taken", zap.Int("presses", len(list)))
		return nil
	}
	done := make(chan struct{})
	ctx = context.WithoutCancel(ctx)
	in.judging.Go(func() {
		defer func() { <-in.room; close(done) }()
		for _, h := range list {
			press(context.WithValue(ctx, replyKey{}, h.reply), h.Press)
		}
	})
	return done
}

// end takes nothing more, and waits for what is being judged.
func (in *intake) end() {
	in.mu.Lock()
	in.ended = true
	in.mu.Unlock()
	in.judging.Wait()
}

// heard is a press, and where whoever made it can be answered; "" for where they pressed.
type heard struct {
	chatops.Press
	reply string
}

type replyKey struct{}

// pressed is what a callback says about buttons and forms; nothing of what is neither. There is one button in each callback,
// but that is Slack's word.
func pressed(c slack.InteractionCallback) (list []heard) {
	switch c.Type {
	case slack.InteractionTypeBlockActions:
		for _, a := range c.ActionCallback.BlockActions {
			p := chatops.Press{
				Account: c.User.ID, Channel: or(c.Container.ChannelID, c.Channel.ID), Message: or(c.Container.MessageTs, c.Message.Timestamp),
				Act: chatops.Act(a.ActionID), Value: a.Value, At: timestamp(a.ActionTs), Trigger: c.TriggerID,
			}
			p.ID = strings.Join([]string{p.Account, p.Channel, p.Message, a.ActionID, a.ActionTs}, " ")
			list = append(list, heard{Press: p})
		}
	case slack.InteractionTypeViewSubmission:
		if h, ok := filledIn(c); ok {
			list = append(list, h)
		}
	}
	return list
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// timestamp reads Slack's "seconds.fraction"; what is none is a long time ago.
func timestamp(text string) time.Time {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}
	}
	micros, err := strconv.ParseInt((fraction + "000000")[:6], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, micros*1000)
}

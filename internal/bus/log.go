package bus

import (
	"fmt"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// listener hands the embedded server's messages to zap and remembers the last complaint, which explains a start that
// did not come about.
type listener struct {
	log *zap.Logger // nil for none

	mu    sync.Mutex
	last  string
	fatal bool
}

// gaveUp reports whether the server said that it cannot go on.
func (l *listener) gaveUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *listener) lastError() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == "" {
		return "no reason given within " + ready.String()
	}
	return l.last
}

func (l *listener) complain(text string) {
	l.mu.Lock()
	l.last = text
	l.mu.Unlock()
	l.say(zap.ErrorLevel, text)
}

// Noticef hands on a message of the server's everyday life; it says little to an operator.
func (l *listener) Noticef(format string, v ...any) { l.say(zap.DebugLevel, fmt.Sprintf(format, v...)) }

// Warnf hands on a warning.
func (l *listener) Warnf(format string, v ...any) { l.say(zap.WarnLevel, fmt.Sprintf(format, v...)) }

// Errorf hands on an error and remembers it.
func (l *listener) Errorf(format string, v ...any) { l.complain(fmt.Sprintf(format, v...)) }

// Fatalf hands on and remembers what stops the server; it does not end the process.
func (l *listener) Fatalf(format string, v ...any) {
	l.complain(fmt.Sprintf(format, v...))
	l.mu.Lock()
	l.fatal = true
	l.mu.Unlock()
}

// Debugf and Tracef are never called: the server is told not to debug or trace.
func (l *listener) Debugf(string, ...any) {}

// Tracef does nothing, see Debugf.
func (l *listener) Tracef(string, ...any) {}

func (l *listener) say(level zapcore.Level, text string) {
	if l.log != nil {
		l.log.Log(level, "nats server: "+text)
	}
}

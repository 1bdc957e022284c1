package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/web/api"
)

// Much of what is shown was written by strangers: whoever publishes anomalies, names a router beyond the border, or gives a
// reason. On a terminal a text can do more than be read: move the cursor, rename the window, pass for a line of ours. So every
// text is made harmless where it is put into a line for people; colour goes around it afterwards. What is written as JSON stays
// as it is, since encoding/json escapes control characters.

// painted is a text that is harmless already, with colour around it.
type painted string

// write writes a line for people, or several.
func write(w io.Writer, format string, args ...any) error {
	if _, err := fmt.Fprintf(w, format, harmless(args)...); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// harmless makes what is put into a format harmless. Whatever prints as text becomes one.
func harmless(args []any) []any {
	list := make([]any, len(args))
	for n, arg := range args {
		list[n] = harmlessOne(arg)
	}
	return list
}

func harmlessOne(arg any) any {
	switch v := arg.(type) {
	case nil, painted:
		return arg
	case error:
		return clean.Line(v.Error())
	case fmt.Stringer:
		return clean.Line(v.String())
	}
	switch v := reflect.ValueOf(arg); v.Kind() {
	case reflect.String:
		return clean.Line(v.String())
	case reflect.Slice, reflect.Struct, reflect.Map:
		return clean.Line(fmt.Sprint(arg))
	}
	return arg // a number or a truth
}

// harmlessError is an error in words. One of this machine's, about a file for example, may have several lines; what a server says
// has one.
func harmlessError(err error) painted {
	var p *api.Problem
	if errors.As(err, &p) {
		return painted(clean.Line(err.Error()))
	}
	return painted(clean.Lines(err.Error()))
}

package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// Bounds on a condition. The costs are CEL's own: about one for every step that is taken and every ten bytes that are
// looked at.
const (
	MaxConditionBytes = 2048   // of its text
	MaxConditionCost  = 20_000 // the most that it may cost by estimate, when the policy is read, and in fact, when it is asked
	maxChecks         = 64     // operators' checks in one policy
	maxPattern        = 256    // bytes of a regular expression
	shownText         = 240    // bytes of a condition or its values on a record
)

// errNotWhole is why a condition without an answer has none: it gave something else than true or false.
var errNotWhole = errors.New("it is neither true nor false")

// condition is an expression of the Common Expression Language that was compiled when the policy was read. It is never
// changed, may be shared, and its answer depends on the scene alone.
type condition struct {
	text     string // as it stands on records: on one line, without comments
	program  cel.Program
	mentions []mention
	since    stage // when all that it mentions is known
}

// holds asks the condition. An error means that it cannot be decided: something is not known, a sum is out of range, or it
// takes too long. Nobody may take that for a yes.
func (c *condition) holds(s *scene) (bool, error) {
	out, _, err := c.program.Eval(s)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, errNotWhole
	}
	return bool(b), nil
}

// values are what the condition mentions, as they stand in the scene.
func (c *condition) values(s *scene) string {
	if len(c.mentions) == 0 {
		return "nothing"
	}
	parts := make([]string, len(c.mentions))
	for i, m := range c.mentions {
		parts[i] = m.in(s)
	}
	return clip(strings.Join(parts, ", "), shownText)
}

// limit is the condition as it stands on records.
func (c *condition) limit() string { return clip(c.text, shownText) }

// compile turns the text of a condition into one, or says what is wrong with it.
func (l *language) compile(text string) (*condition, []complaint) {
	if len(text) > MaxConditionBytes {
		return nil, []complaint{{0, fmt.Sprintf("%d bytes: want at most %d; cut it into several checks", len(text), MaxConditionBytes)}}
	}
	parsed, issues := l.env.Parse(text)
	if issues.Err() != nil {
		return nil, l.syntax(text, issues)
	}
	checked, issues := l.env.Check(parsed)
	if issues.Err() != nil {
		return nil, l.untyped(text, parsed, issues)
	}
	if t := checked.OutputType(); !t.IsExactType(types.BoolType) {
		return nil, []complaint{{0, fmt.Sprintf("is of type %s; want a condition, which is true or false", cel.FormatCELType(t))}}
	}
	c := &condition{}
	r := l.review(text, checked)
	if len(r.complaints) > 0 {
		return nil, r.complaints
	}
	c.mentions, c.since = r.mentions, r.since
	estimate, err := l.env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, []complaint{{0, fmt.Sprintf("what it costs cannot be told: %s", err)}}
	}
	if estimate.Max > MaxConditionCost {
		return nil, []complaint{{0, fmt.Sprintf("may take more than %d steps: it goes through lists within lists, or through long texts; cut it into several checks", MaxConditionCost)}}
	}
	if c.program, err = l.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(MaxConditionCost)); err != nil {
		return nil, []complaint{{0, err.Error()}}
	}
	if c.text, err = cel.AstToString(checked); err != nil {
		c.text = text
	}
	c.text = strings.Join(strings.Fields(c.text), " ")
	return c, nil
}

// clip shortens a text to at most limit bytes, at a rune.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const rest = "..."
	cut := limit - len(rest)
	for cut > 0 && text[cut]&0xc0 == 0x80 {
		cut--
	}
	return text[:cut] + rest
}

// conditions are the compiled expressions of a policy by their text.
type conditions map[string]*condition

// compile compiles every expression of the policy; what is wrong is placed in raw, the file that it was read from.
func (p *Policy) compile(raw []byte) error {
	p.conditions = conditions{}
	var errs []error
	var l *language
	add := func(path, text string) {
		if text == "" || p.conditions[text] != nil {
			return
		}
		if l == nil { // most policies have none, and a language is dear to make
			var err error
			if l, err = newLanguage(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", p.name, path, err))
				return
			}
		}
		c, wrong := l.compile(text)
		for _, w := range wrong {
			errs = append(errs, p.inside(raw, path, text, w))
		}
		if len(wrong) == 0 {
			p.conditions[text] = c
		}
	}
	for i, r := range p.file.Rules {
		add(fmt.Sprintf("rules[%d].when", i), r.When)
	}
	for i, c := range p.file.Checks {
		add(fmt.Sprintf("checks[%d].when", i), c.When)
		add(fmt.Sprintf("checks[%d].require", i), c.Require)
	}
	return errors.Join(errs...)
}

// Condition is one expression of a policy, for people.
type Condition struct {
	Text string `json:"text"`
	// Decides says what a rule's condition decides: whether the rule matches, or, when it asks for what is known only later,
	// whether the rule's plan may be carried out.
	Decides  Decides  `json:"decides"`
	Mentions []string `json:"mentions"` // what it asks for, for example "link.capacity_bps"
}

// Decides is what a rule's condition decides.
type Decides string

// What a rule's condition may decide.
const (
	DecidesMatch Decides = "match" // asked before anything is planned; if it does not hold the next rule is looked at
	DecidesPlan  Decides = "plan"  // a check of the plan
)

// Condition returns what is known of an expression of the policy; ok is false when the policy has no such expression.
func (p *Policy) Condition(text string) (c Condition, ok bool) {
	known, ok := p.conditions[text]
	if !ok {
		return Condition{}, false
	}
	c = Condition{Text: known.text, Decides: DecidesPlan, Mentions: []string{}}
	if known.since == given {
		c.Decides = DecidesMatch
	}
	for _, m := range known.mentions {
		c.Mentions = append(c.Mentions, m.name())
	}
	slices.Sort(c.Mentions)
	return c, true
}

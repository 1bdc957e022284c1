package policy

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Limit is one figure in force.
type Limit struct {
	Name   string `json:"name"` // the key's path in the policy file, or "ceiling."
	Value  string `json:"value"`
	Source Source `json:"source"`
}

// Source says where a limit comes from.
type Source string

// The sources of limits.
const (
	FromDefault Source = "default"
	FromFile    Source = "file"
	Compiled    Source = "compiled"
)

// Limits returns every limit in force, in the file's order, then the ceiling.
func (p *Policy) Limits() []Limit {
	f := reflect.ValueOf(p.file)
	var list []Limit
	for i := range f.NumField() {
		if name := f.Type().Field(i).Tag.Get("yaml"); name != "rules" && name != "windows" && name != "checks" {
			p.collect(name, f.Field(i), &list)
		}
	}
	above := ceilings()
	maps.Copy(above, conditionCeilings())
	for _, name := range slices.SortedFunc(maps.Keys(above), cmp.Compare[string]) {
		list = append(list, Limit{Name: "ceiling." + name, Value: fmt.Sprint(above[name]), Source: Compiled})
	}
	return list
}

// collect adds every value below v under its path.
func (p *Policy) collect(path string, v reflect.Value, list *[]Limit) {
	_, printable := v.Interface().(fmt.Stringer)
	switch {
	case v.Kind() == reflect.Struct && !printable:
		for i := range v.NumField() {
			p.collect(path+"."+v.Type().Field(i).Tag.Get("yaml"), v.Field(i), list)
		}
	case v.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, key := range keys {
			p.collect(path+"."+key.String(), v.MapIndex(key), list)
		}
	default:
		source := FromDefault
		if p.doc.Has(path) {
			source = FromFile
		}
		*list = append(*list, Limit{Name: path, Value: text(v.Interface()), Source: source})
	}
}

func text(v any) string {
	switch v := v.(type) {
	case []Rate:
		parts := make([]string, len(v))
		for i, r := range v {
			parts[i] = fmt.Sprintf("%d in %s", r.AtMost, r.Per)
		}
		return strings.Join(parts, ", ")
	case []string:
		return or(strings.Join(v, ", "), "none")
	}
	return fmt.Sprint(v)
}

// conditionCeilings are the compiled limits on conditions, by name.
func conditionCeilings() map[string]any {
	return map[string]any{"condition_bytes": MaxConditionBytes, "condition_cost": MaxConditionCost}
}

// ceilings are the compiled limits by name, for print and digest.
func ceilings() map[string]any {
	return map[string]any{
		"links_drained":        CeilingDrained,
		"links_drained_permil": CeilingDrainedPermil,
		"links_per_device":     CeilingPerDevice,
		"acts_per_hour":        CeilingActsPerHour,
		"planes":               CeilingPlanes,
		"devices_per_plan":     CeilingDevices,
		"metric_min":           MinMetric,
		"metric_max":           MaxMetric,
		"hold_max":             CeilingHold.String(),
		"memory":               CeilingMemory.String(),
		"coverage_permil_min":  FloorCoveragePermil,
	}
}

package main

import "testing"

// The defects that the harness must find.
var (
	ackFirst = mutant{
		file: "internal/worker/loop.go",
		old:  "\t\tselect {\n\t\tcase w.arrived <- batch:\n",
		new:  "\t\tfor _, d := range batch {\n\t\t\td.Ack()\n\t\t}\n\t\tselect {\n\t\tcase w.arrived <- batch:\n",
	}
	unfenced = mutant{
		file: "internal/device/look.go",
		old:  "\textensions := s.fenceOf(fence)\n\tif extensions == nil {\n",
		new:  "\textensions := s.fenceOf(fence)\n\tif extensions != nil {\n\t\treturn fence, nil\n\t}\n\tif extensions == nil {\n",
	}
)

// must builds the mutant for a test.
func (m mutant) must(t *testing.T) string {
	t.Helper()
	long(t)
	binary, err := m.build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

package api

// Family is an incident with those that it speaks for: people look at one, and see what belongs to it.
type Family struct {
	Summary
	Children []Summary
}

// Families puts incidents below the one that speaks for them, if that is in the list, and keeps the order otherwise. Nothing
// is left out.
func Families(list []Summary) []Family {
	lead := map[string]string{}
	for _, i := range list {
		lead[i.ID] = i.Lead
	}
	// head is whom an incident goes below in the end, itself when there is nobody.
	head := func(id string) string {
		top := id
		for range list {
			up := lead[top]
			if _, there := lead[up]; !there || up == top {
				return top
			}
			top = up
		}
		return id // each speaks for the other
	}
	var families []Family
	children := map[string][]Summary{}
	for _, i := range list {
		if h := head(i.ID); h != i.ID {
			children[h] = append(children[h], i)
		} else {
			families = append(families, Family{Summary: i})
		}
	}
	for n := range families {
		families[n].Children = children[families[n].ID]
	}
	return families
}

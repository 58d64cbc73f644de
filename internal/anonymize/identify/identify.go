// Package identify remembers which identifiers a source holds, in memory that does not grow with it: a filter that never
// forgets one, and now and then takes a stranger for one. The free-text transformer asks it for names; the scan for leaks
// asks it for all kinds, and makes sure of each hit. It is pure.
package identify

// Kind is a kind of identifier.
type Kind uint8

// Kinds.
const (
	Name     Kind = iota // one word of a person's name
	FullName             // two words of one person's name, in either order
	Email
	Phone  // ten digits
	SSN    // nine digits
	Record // numbers and codes: of charts, plans, accounts, claims, orders, vendor ids
	Date   // of a person: birth, death
	Street
	URL
	IP
	kinds
)

// String is the name that evidence knows the kind by.
func (k Kind) String() string {
	return [kinds]string{"name", "full_name", "email", "phone", "ssn", "record", "date", "street", "url", "ip"}[k]
}

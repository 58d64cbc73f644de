package parser

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// walk visits a message and all that is in it, what is outside first; false leaves out what is in it.
func walk(m proto.Message, visit func(proto.Message) bool) {
	if r := m.ProtoReflect(); r.IsValid() && visit(m) {
		r.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case f.Message() == nil:
			case f.IsList():
				for i := range v.List().Len() {
					walk(v.List().Get(i).Message().Interface(), visit)
				}
			default:
				walk(v.Message().Interface(), visit)
			}
			return true
		})
	}
}

// names are the texts of a list of String nodes; an asterisk is "*".
func names(list []*pg.Node) []string {
	var all []string
	for _, n := range list {
		switch {
		case n.GetString_() != nil:
			all = append(all, n.GetString_().Sval)
		case n.GetAStar() != nil:
			all = append(all, "*")
		}
	}
	return all
}

// last is the name itself, without its schema.
func last(list []*pg.Node) string {
	if all := names(list); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

package image

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
)

// BinaryError says why a file cannot be the runtime of an image.
type BinaryError struct {
	// Reason completes "the runtime binary …".
	Reason string
}

// Error implements error.
func (e *BinaryError) Error() string { return "the runtime binary " + e.Reason }

// Check reports the version of a runtime binary, or why it would not run on Cloud Run: the image
// has no dynamic loader, no libraries and no shell, so nothing but a static executable starts.
func Check(binary []byte) (version string, err error) {
	file, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return "", &BinaryError{"is not a Linux executable (ELF)"}
	}
	defer func() { _ = file.Close() }()
	switch {
	case file.Class != elf.ELFCLASS64 || file.Machine != elf.EM_X86_64:
		return "", &BinaryError{fmt.Sprintf("is built for %s; Cloud Run needs linux/amd64", machine(file.Machine))}
	case file.OSABI != elf.ELFOSABI_NONE && file.OSABI != elf.ELFOSABI_LINUX:
		return "", &BinaryError{fmt.Sprintf("is built for %s; Cloud Run needs linux/amd64", file.OSABI)}
	case file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN:
		return "", &BinaryError{"is an object file or library, not an executable"}
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return "", &BinaryError{"is linked dynamically, and the image has no loader; build it with CGO_ENABLED=0"}
		}
	}
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		return "", &BinaryError{fmt.Sprintf("needs the library %s, and the image has none; build it with CGO_ENABLED=0", libraries[0])}
	}

	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return "", &BinaryError{"was not built by Go"}
	}
	for _, setting := range info.Settings {
		if setting.Key == "GOOS" && setting.Value != "linux" {
			return "", &BinaryError{fmt.Sprintf("is built for %s; Cloud Run needs linux/amd64", setting.Value)}
		}
	}
	if version := stampedVersion(file); version != "" {
		return version, nil
	}
	if info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel", nil
	}
	return info.Main.Version, nil
}

func machine(m elf.Machine) string {
	switch m {
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_386:
		return "386"
	default:
		return m.String()
	}
}

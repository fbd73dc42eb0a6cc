//! A bad sample for every rule, and good ones that come close.

use super::*;

fn file(path: &str, content: &str) -> File {
    File {
        path: path.to_owned(),
        content: content.as_bytes().to_vec(),
    }
}

/// What is found in one file, as `line: what`.
fn found(path: &str, content: &str) -> Vec<String> {
    let problems = problems(&[file(path, content)]);
    let lines = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.line, problem.what));
    lines.collect()
}

#[test]
fn clean_files_pass() {
    assert!(found("a.rs", "fn main() {\n    run();\n}\n").is_empty());
    assert!(found("a.rs", "").is_empty());
    assert!(found("Cargo.toml", "[workspace]\nmembers = []\n").is_empty());
    let manifest = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n";
    assert!(found("a/Cargo.toml", manifest).is_empty());
    assert!(found("Cargo.lock", "name = \"a\" \n").is_empty());
    assert!(found("image.png", "\u{89}PNG\0\r\n").is_empty());
}

#[test]
fn long_files_give_a_reason() {
    let long = "fn f() {}\n".repeat(MAX_LINES + 1);
    let reason = format!("{REASON}one table\n");
    assert_eq!(
        found("a.rs", &long),
        ["0: 401 lines: split it, or give the reason as `// tidy: ..`"]
    );
    assert!(found("a.rs", &(reason.clone() + &long)).is_empty());
    assert!(found("a.rs", &"fn f() {}\n".repeat(MAX_LINES)).is_empty());
    assert!(found("a.md", &long).is_empty());
    assert_eq!(
        found("a.rs", &(reason + "fn f() {}\n")),
        ["0: 2 lines need no `// tidy: ..`"]
    );
}

#[test]
fn the_macro_crate_stays_small() {
    let half = "fn f() {}\n".repeat(MAX_MACRO_LINES / 2);
    let half = format!("{REASON}a sample\n{half}");
    let both = |other: &str| {
        let files = [file("macros/src/lib.rs", &half), file(other, &half)];
        problems(&files)
    };
    assert_eq!(both("macros/src/expand.rs").len(), 1);
    assert_eq!(both("macros/src/tests.rs"), []);
    assert_eq!(both("macros/src/tests/options.rs"), []);
    assert_eq!(both("runtime/src/expand.rs"), []);
}

#[test]
fn unfinished_code_is_found() {
    for word in UNFINISHED {
        let what = [format!("2: unfinished: `{word}`")];
        assert_eq!(found("a.rs", &format!("// a\n    {word})\n")), what);
        assert_eq!(found("a.md", &format!("a\n{word}\n")), what);
    }
    assert!(found("a.md", "mytodo!()\nFIXMEs\nXXXL\n_XXX\n").is_empty());
}

#[test]
fn attributes_that_hide_are_found() {
    let expect = "1: use `#[expect(.., reason = \"..\")]`";
    let hide = concat!("all", "ow(unused)");
    assert_eq!(found("a.rs", &format!("#[{hide}]\n")), [expect]);
    assert_eq!(found("a.rs", &format!("    #![{hide}]\n")), [expect]);
    assert_eq!(
        found("a.rs", &format!("#[cfg_attr(x, {hide})]\n")),
        [expect]
    );
    assert_eq!(
        found("a.rs", &format!("fn f(#[{hide}] a: u8) {{}}\n")),
        [expect]
    );
    assert!(found("a.rs", "#[expect(unused)]\nlet a = disallow(unused);\n").is_empty());
    let ignore = concat!("#[ign", "ore");
    assert_eq!(
        found("a.rs", &format!("{ignore}]\n")),
        ["1: say why the test is ignored: `#[ignore = \"..\"]`"]
    );
    assert!(found("a.rs", &format!("{ignore} = \"slow\"]\n")).is_empty());
}

#[test]
fn stray_characters_are_found() {
    assert_eq!(found("a.md", "a \n"), ["1: spaces at the end of the line"]);
    assert_eq!(
        found("a.md", "a\n\t\nb\n"),
        ["2: spaces at the end of the line"]
    );
    assert_eq!(found("a.md", "a\r\nb\n"), ["0: a carriage return"]);
    assert_eq!(found("a.md", "a"), ["0: no newline at the end"]);
    assert_eq!(found("a.md", "a\n\n"), ["0: empty lines at the end"]);
    assert_eq!(
        found("a.rs", "{\n\ta\n}\n"),
        ["2: a tab in the indentation"]
    );
    assert_eq!(
        found("a.rs", "{\n  \ta\n}\n"),
        ["2: a tab in the indentation"]
    );
    assert!(found("a.rs", "a\tb\n").is_empty() && found("Makefile", "\ta\n").is_empty());
    let latin = File {
        path: "a.md".to_owned(),
        content: vec![0xe9, b'\n'],
    };
    let [problem] = &problems(&[latin])[..] else {
        panic!("not found");
    };
    assert_eq!(problem.to_string(), "a.md:0: neither UTF-8 nor binary");
}

#[test]
fn crates_without_the_lints_are_found() {
    let what = ["0: no `[lints]` with `workspace = true`"];
    assert_eq!(found("a/Cargo.toml", "[package]\nname = \"a\"\n"), what);
    let elsewhere = "[package]\nname = \"a\"\n\n[lints]\n\n[other]\nworkspace = true\n";
    assert_eq!(found("a/Cargo.toml", elsewhere), what);
    assert!(found("a/other.toml", "[package]\nname = \"a\"\n").is_empty());
}

#[test]
fn paths_of_one_machine_are_found() {
    for folder in MACHINE {
        let what = [format!("1: a path of one machine: `{folder}`")];
        assert_eq!(found("a.md", &format!("{folder}\n")), what);
        assert_eq!(found("a.rs", &format!("cd(\"{folder}/a\");\n")), what);
        assert_eq!(found("a.sh", &format!("FOLDER={folder}/a/b\n")), what);
        let parts = format!("a{folder} .{folder} ${{A}}{folder}\n");
        assert!(found("a.md", &parts).is_empty());
    }
    assert!(found("a.md", concat!("/wo", "rker /wo", "rk-a /t", "mp\n")).is_empty());
}

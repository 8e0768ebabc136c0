//! HTML in which nothing that others wrote can be anything but text. Names of elements and attributes are constants,
//! and everything else is escaped.

use crate::output::plain;

/// A piece of HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markup(String);

/// Elements without an end tag.
const VOID: [&str; 2] = ["img", "meta"];

impl Markup {
    /// A text. What a terminal does not print as it is, a page does not either.
    pub fn text(text: &str) -> Self {
        Self(escaped(&plain(text)))
    }

    /// A constant of ours as it is, such as a style sheet.
    pub fn constant(html: &'static str) -> Self {
        Self(html.to_owned())
    }

    /// An element.
    pub fn element(name: &'static str, attributes: &[(&'static str, &str)], inside: &[Self]) -> Self {
        let mut html = format!("<{name}");
        for (attribute, value) in attributes {
            html += &format!(" {attribute}=\"{}\"", escaped(&plain(value)));
        }
        html.push('>');
        if !VOID.contains(&name) {
            inside.iter().for_each(|part| html += &part.0);
            html += &format!("</{name}>");
        }
        Self(html)
    }

    /// Several pieces, one after the other.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect::<Vec<_>>().join("\n"))
    }

    /// The HTML.
    pub fn html(&self) -> &str {
        &self.0
    }
}

/// An element with text.
pub fn el(name: &'static str, text: &str) -> Markup {
    Markup::element(name, &[], &[Markup::text(text)])
}

/// An element of a class.
pub fn of(name: &'static str, class: &str, inside: &[Markup]) -> Markup {
    Markup::element(name, &[("class", class)], inside)
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html += "&amp;",
            '<' => html += "&lt;",
            '>' => html += "&gt;",
            '"' => html += "&quot;",
            '\'' => html += "&#39;",
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_stay_texts_and_values() {
        let hostile = "</p><script>alert('&\")</script>\u{202e}\n";
        let safe = "&lt;/p&gt;&lt;script&gt;alert(&#39;&amp;&quot;)&lt;/script&gt;\\u{202e}\\n";
        assert_eq!(el("p", hostile).html(), format!("<p>{safe}</p>"));
        assert_eq!(Markup::element("img", &[("alt", hostile)], &[]).html(), format!("<img alt=\"{safe}\">"));
    }
}

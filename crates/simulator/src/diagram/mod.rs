//! Space-time diagrams of a height as SVG.
//!
//! Time runs downwards, each validator has a vertical line whose colour says how far it is, messages are arrows.
//!
//! | module            | what it holds                               |
//! |-------------------|---------------------------------------------|
//! | `scene`           | what a diagram shows, as data               |
//! | `collect`         | what of a run's events concerns a height    |
//! | `assemble`        | from there to a scene                       |
//! | [`most_eventful`] | which height is worth a picture             |
//! | `axis`            | from virtual time to a place; breaks; ticks |
//! | `style`           | colours and shapes, light and dark          |
//! | `legend`          | what they mean                              |
//! | `draw`            | from a scene to SVG                         |
//! | `timeline`        | times, shortened stretches, notes           |
//! | `content`         | lines, messages, marks                      |
//! | `words`           | text on the page                            |
//! | `svg`             | elements, escaping, numbers                 |

mod assemble;
mod axis;
mod collect;
mod content;
mod draw;
mod legend;
pub mod most_eventful;
mod scene;
mod style;
mod svg;
mod timeline;
mod words;

pub use collect::HeightDiagram;
pub use draw::draw;
pub use scene::{Arrow, Ink, Lane, Mark, Note, Scene, Sign, Stage};

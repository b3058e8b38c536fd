//! Space-time diagrams of a height as SVG.
//!
//! Time runs downwards, each validator has a vertical line whose colour says how far it is, messages are arrows.
//!
//! | module    | what it holds                                        |
//! |-----------|------------------------------------------------------|
//! | `scene`   | what a diagram shows, as data                        |
//! | `collect` | from the events of a run to the scene of one height    |
//! | [`most_eventful`] | which height is worth a picture                |
//! | `axis`    | from virtual time to a place; breaks; ticks          |
//! | `style`   | colours and shapes, light and dark                   |
//! | `legend`  | what they mean                                       |
//! | `draw`    | from a scene to SVG                                  |
//! | `svg`     | elements, escaping, numbers                          |

mod axis;
mod collect;
mod draw;
mod legend;
pub mod most_eventful;
mod scene;
mod style;
mod svg;

pub use collect::HeightDiagram;
pub use draw::draw;
pub use scene::{Arrow, Ink, Lane, Mark, Note, Scene, Sign, Stage};
